"""The gap analysis: questionnaire answers beside check results, by layer."""

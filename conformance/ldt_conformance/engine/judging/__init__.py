"""From what was seen to what it means: which checks may run, outcomes, requirements, layers, levels."""

"""How a verdict comes about: site file, safety, journal, evidence, verdicts, roll-up. No pytest, no CLI in here."""

"""The site file: its model, reading it, its secrets, and what it says of each requirement before anything is asked."""

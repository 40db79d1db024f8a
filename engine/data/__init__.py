"""Data: what ships with the program, what a person brings, and where both are kept."""

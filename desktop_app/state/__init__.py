"""Observable state without widgets."""

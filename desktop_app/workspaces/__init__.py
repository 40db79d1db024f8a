"""Workspaces: they lay out widgets around a timeline and say what running means."""

"""Widgets: they show state and change it, and know nothing of the engine's process."""

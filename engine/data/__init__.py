"""Data sets that ship with the program."""

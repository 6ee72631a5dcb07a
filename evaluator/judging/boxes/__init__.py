"""Judges whose task is commands: files into a box, commands run in it, files out of it."""

"""Whose turn it is to propose, and what kind of idea is asked for. Pure."""

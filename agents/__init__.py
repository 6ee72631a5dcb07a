"""Proposes: the agent loop, proposers, edits, and the actor that owns one GPU."""

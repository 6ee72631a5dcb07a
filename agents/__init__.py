"""Proposes: the agent loop, briefs, proposers, edits, and the actor that owns one GPU."""

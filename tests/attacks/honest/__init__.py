"""Honest variants of the demo task: all of them must be measured."""

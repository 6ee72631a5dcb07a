"""Judges: the judge process and its protocol, bits per byte, outcomes, acceptance statistics."""

"""Names that no configuration may take."""

PERSON = "person"
"""The arm of variants that people propose."""
COMBINED = "combined"
"""The arm of what the coordinator makes of two parked experiments."""

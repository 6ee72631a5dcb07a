"""Names that no configuration may take."""

PERSON = "person"
"""The arm of variants that people propose."""

"""Names that no configuration may take."""

PERSON = "person"
"""The arm of variants that people propose."""
COMBINED = "combined"
"""The arm of what the coordinator makes of two parked experiments."""
SIMPLER = "simpler"
"""The arm of simplifications, see `autoswarm ablate`: they merge where they are not worse by a margin."""
PEOPLES = (PERSON, SIMPLER)
"""Arms of what comes through the inbox."""
TRANSFER = "transfer"
"""The arm of what merged in one division and is tried in another: no proposer is asked for it."""

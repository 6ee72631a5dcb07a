"""What confines a variant: tiers A to F, found by probing; a run gets the best that its machine has."""

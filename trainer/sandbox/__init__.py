"""What confines a variant: six tiers, found by probing, of which a run gets the best the machine has."""

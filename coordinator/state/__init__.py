"""What is known of a campaign, changed by its events alone. Pure."""

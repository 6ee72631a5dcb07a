"""What is asked of a machine before a campaign starts."""

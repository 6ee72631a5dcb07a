"""A GPT on web text at the published size: five minutes of one GPU."""

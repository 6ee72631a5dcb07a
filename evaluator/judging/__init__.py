"""The judge's process: what it feeds, counts, asks and scores."""

"""Campaign folders, opened to read."""

"""One run: its process tree, its clock, its log and its result."""

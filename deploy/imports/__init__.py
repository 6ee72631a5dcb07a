"""What people already have as a task: other forms of the same loop, read as data and never run."""

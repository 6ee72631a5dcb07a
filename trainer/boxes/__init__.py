"""Tasks whose judge is made of commands: what runs in which box, and what came of it."""

"""What the pieces of a merged stack are worth: each taken back alone and measured against the best."""

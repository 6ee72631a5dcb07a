"""What the pieces of a certified stack are worth: each taken back alone and measured against the best."""

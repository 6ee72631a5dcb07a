"""The proposer that starts coding agents."""

"""The proposer that changes constants; no language model."""

"""The proposer that asks language models."""

"""The embedded default: a small language model on a synthetic language whose exact entropy is known."""

"""Attacks on the judge and the sandbox, and honest variants that must not be taken for attacks."""

"""Measures what the swarm itself costs on this machine: ``python -m deploy.bench``."""

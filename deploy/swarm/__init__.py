"""Starts and keeps the actors of a campaign on one machine or a cluster."""

"""Trains: tasks and their data, run supervision, the simulated trainer. Works without ray."""

"""Shipped example tasks, tried: ``make examples``."""

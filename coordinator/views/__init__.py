"""What people and Prometheus are shown of a state."""

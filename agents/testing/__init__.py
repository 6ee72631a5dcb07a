"""Stand-ins for what agents depend on, shipped for tests and benchmarks."""

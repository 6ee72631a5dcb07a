"""A trainer without a training, for rehearsals and benchmarks."""

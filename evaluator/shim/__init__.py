"""What is copied beside a variant: ``prepare``, its only door to data, clock and metric."""

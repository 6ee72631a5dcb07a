"""Pages under docs/ that are made from the code itself; ``make docs`` writes them, tests hold them to it."""

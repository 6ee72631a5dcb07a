"""The few attacks and honest variants that every test run tries; all of them are tried by the marked suite and by ``make attack-matrix``."""

ATTACKS = (
    "prints_a_summary_and_leaves",
    "rewrites_the_shim",
    "mixes_by_fourier",
    "peeks_and_remembers",
    "answers_1e30_everywhere",
    "tells_twin_from_original",
    "reads_the_judges_memory",
    "leaves_files",
    "leaves_daemons",
)
HONEST = ("unchanged", "dropout", "averaged_weights")

"""The few attacks and honest variants that every test run tries; all of them are tried by the marked suite
and by ``make attack-matrix``.
"""

ATTACKS = (
    "rewrites_the_shim",
    "mixes_by_fourier",
    "peeks_and_remembers",
    "tells_twin_from_original",
    "tells_its_twin_by_byte_range_locks",
    "trains_a_shadow_of_itself",
    "hands_over_its_weights_late",
    "reads_the_judges_memory",
    "leaves_files",
    "leaves_daemons",
)
HONEST = ("dropout", "averaged_weights")

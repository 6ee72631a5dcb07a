"""Bits per byte of fresh text of the same language under model.json; the surface's code is nowhere near."""

import os
from pathlib import Path

import grammar
import model_file

SIZE = 40_000
"""Bytes."""


def main():
    """Say them, and the size of the file."""
    place = Path("model.json")
    seed = f"hidden {os.environ['AUTOSWARM_SEED']}/{os.environ['AUTOSWARM_BLOCK']}"
    value = model_file.bits(model_file.read(place), grammar.text(seed, SIZE))
    print(f"METRIC artifact_bytes={place.stat().st_size}")
    print(f"METRIC bits_per_byte={value:.6f}")


if __name__ == "__main__":
    main()

"""A folder of prepared data, held to what its manifest says."""

from pathlib import Path

from evaluator.judging.data import Manifest, content_digest, read_manifest


def intact(folder: Path) -> Manifest:
    """The manifest, after hashing every byte of the folder."""
    manifest = read_manifest(folder)
    assert content_digest(folder, manifest) == manifest.digest
    return manifest

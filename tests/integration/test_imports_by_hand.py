"""Imports that take something from a person: GEPA, and checkouts of autoresearch that changed prepare.py."""

from pathlib import Path

import pytest

from configs.errors import ConfigError
from deploy.imports.importing import import_from
from tests.integration.imported_tasks import imported, named, write

GEPA = {
    "search.py": """\
        import gepa
        from gepa import GEPAAdapter


        class Mail(GEPAAdapter):
            def evaluate(self, batch, candidate, capture_traces=False): ...

            def make_reflective_dataset(self, candidate, batch, components): ...


        gepa.optimize(seed_candidate={"greeting": "Hello", "ending": "Bye"}, trainset=[], adapter=Mail())
        """,
}
AUTORESEARCH = {
    "prepare.py": "raise SystemExit('downloads')\n",
    "train.py": "from prepare import MAX_SEQ_LEN, Tokenizer, evaluate_bpb, make_dataloader\n",
    "program.md": "Lower val_bpb.\n",
    "notes.txt": "mine\n",
}


def test_gepa_is_read_and_what_has_to_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the adapter Mail is told its examples when it runs") as refused:
        import_from(write(tmp_path, GEPA), None)
    assert "ending, greeting" in refused.value.remedy
    assert "METRIC score" in refused.value.remedy


def test_an_autoresearch_checkout_is_judged_on_the_gpt_tasks_data(tmp_path: Path) -> None:
    made, task = imported(tmp_path, AUTORESEARCH, "autoresearch")
    assert task.trains
    assert (task.needs, task.metric.name, task.val_blocks) == ("gpu", "val_bpb", 3)
    assert task.source == AUTORESEARCH["train.py"]
    assert named(made.left_out, "prepare.py", "the judge is in its place")
    assert named(made.left_out, "notes.txt")
    assert "Lower val_bpb." in made.charter


@pytest.mark.parametrize(("names", "message"), [
    ("evaluate_bpb, make_dataloader, get_corpus", "takes get_corpus, which the judge has not"),
    ("evaluate_bpb", "does not take make_dataloader"),
])  # fmt: skip
def test_another_prepare_is_refused_with_what_is_missing(tmp_path: Path, names: str, message: str) -> None:
    files = AUTORESEARCH | {"train.py": f"from prepare import {names}\n"}
    with pytest.raises(ConfigError, match=message):
        import_from(write(tmp_path, files), None)

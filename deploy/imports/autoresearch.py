"""A checkout of autoresearch: `prepare.py`, `train.py`, `program.md`."""

import ast

from configs.errors import ConfigError
from configs.yaml_files import read_yaml
from coordinator.variants.contract import NEEDED, OFFERED, PREPARE
from deploy.imports import building
from deploy.imports.imported import Imported
from deploy.imports.other_folder import OtherFolder
from evaluator.box_job import BoxFile
from trainer.task_loading import TASKS

SURFACE = "train.py"
RECIPE = '''\
"""The data of the gpt task: that of autoresearch, made by its recipe."""

from trainer.tasks.gpt.recipe import needs, prepare

__all__ = ["needs", "prepare"]
'''


class Autoresearch:
    """The loop that this one comes from: its script is judged on the gpt task's data."""

    name = "autoresearch"
    title = "autoresearch"

    def recognises(self, folder: OtherFolder) -> bool:
        """By its three files."""
        return folder.has("prepare.py", SURFACE, "program.md")

    def convert(self, folder: OtherFolder) -> Imported:
        """Raises ConfigError where train.py takes of prepare what the judge does not offer, or too little."""
        building.require_free(folder.files, "recipe.py", "task.yaml")
        taken = _taken(building.parsed(folder.text(SURFACE), SURFACE))
        offered, needed = {one.name for one in OFFERED}, {one.name for one in NEEDED}
        wrong = [f"takes {name}, which the judge has not" for name in sorted(taken - offered)]
        wrong += [f"does not take {name}" for name in sorted(needed - taken)]
        if wrong:
            raise ConfigError(
                f"{SURFACE} {'; '.join(wrong)}",
                f"Take {', '.join(sorted(offered))} from {PREPARE} and no other: docs/extending.md.",
            )
        settings = read_yaml(TASKS / "gpt" / "task.yaml")
        task = {key: value for key, value in settings.items() if key != "choices"}
        name = building.task_name(folder.name)
        return Imported(
            task=task | {"name": name, "title": f"{folder.name}, judged on the gpt task's data"},
            files={SURFACE: folder.files[SURFACE], "recipe.py": BoxFile(RECIPE.encode())},
            charter=building.charter(
                folder.name, folder.text("program.md"), f"`{SURFACE}`", "val_bpb", "minimize"
            ),
            left_out=[
                *folder.left_out,
                "prepare.py: the judge is in its place, with the gpt task's data: a change to yours is lost",
                *(f"{path} is not copied" for path in sorted({*folder.files} - {SURFACE, "prepare.py"})),
                *building.lacking({SURFACE: folder.files[SURFACE]}),
            ],
            notes=["it takes a GPU, and `autoswarm prepare --task task` gets the data"],
        )


def _taken(tree: ast.Module) -> set[str]:
    """Names that it imports from prepare."""
    return {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == PREPARE
        for alias in node.names
    }

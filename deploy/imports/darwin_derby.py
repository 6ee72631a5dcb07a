"""darwin-derby: `problem.yaml`, `state/` to change, `context/` to read, `scoring/` hidden."""

from typing import Any

from configs.errors import ConfigError
from configs.yaml_files import mapping_of
from deploy.imports import building
from deploy.imports.imported import Imported
from deploy.imports.other_folder import OtherFolder

PROBLEM, SCORE = "problem.yaml", "scoring/score.py"
SECONDS = 600.0
"""Of one scoring where the problem names none."""


class DarwinDerby:
    """A state, and a score that its proposers never see."""

    name = "darwin-derby"
    title = "darwin-derby 0.1"

    def recognises(self, folder: OtherFolder) -> bool:
        """By problem.yaml and state/."""
        return folder.has(PROBLEM) and bool(folder.below("state"))

    def convert(self, folder: OtherFolder) -> Imported:
        """Raises ConfigError where no `score()` or no metric is named."""
        problem = mapping_of(folder.text(PROBLEM), PROBLEM)
        section = problem.get("score")
        score: dict[str, Any] = section if isinstance(section, dict) else {}
        direction = score.get("direction")
        if direction not in ("minimize", "maximize") or not isinstance(score.get("name"), str):
            raise ConfigError(
                f"{PROBLEM} has no score.name and score.direction", "Name both: minimize or maximize."
            )
        _require_score(folder)
        metric = building.metric_name(score["name"])
        seconds = building.seconds(score.get("timeout", SECONDS), f"{PROBLEM}: score.timeout")
        state, context, scoring = (folder.below(name) for name in ("state", "context", "scoring"))
        ends = f"measure(lambda: derby_numbers({score['name']!r}))\n"
        measure = building.program("derby_numbers", "in_child", ends=ends)
        rest = sorted({*folder.files} - {*state, *context, *scoring, PROBLEM})
        more = [key for key in problem if key not in ("name", "description", "score")]
        return Imported(
            task={
                "name": building.task_name(str(problem.get("name") or folder.name)),
                "title": f"{folder.name}, as its score() has it",
                "surface": ["state/**"],
                **({"visible": ["context/**"]} if context else {}),
                "hidden": ["scoring/**", building.MEASURE],
                "judge": building.measured(seconds),
                "metric": {"name": metric, "direction": direction},
                **building.sizes(seconds),
            },
            files={**state, **context, **scoring, building.MEASURE: measure},
            charter=building.charter(
                folder.name, _told(folder, problem), "the files in `state/`", metric, direction
            ),
            left_out=[
                *folder.left_out,
                *(f"{path} is in none of state, context, scoring" for path in rest),
                *(f"{PROBLEM}: {key}" for key in more),
                *building.lacking(folder.files),
            ],
            notes=[
                building.RUNS_VARIANT,
                "scoring/ is hidden from proposers and from where nothing measures; only score() sees it",
            ],
        )


def _require_score(folder: OtherFolder) -> None:
    text = folder.text(SCORE) if folder.has(SCORE) else ""
    if "score" not in building.functions(building.parsed(text, SCORE)):
        raise ConfigError(f"there is no {SCORE} with a function score", "Add score().")


def _told(folder: OtherFolder, problem: dict[str, Any]) -> str:
    """What the problem says of itself, and which files there are to read."""
    lines = "\n".join(f"- `{path}`" for path in sorted(folder.below("context")))
    return (
        f"{problem.get('description', '')}\n\n{f'To read, not to change:{chr(10)}{lines}' if lines else ''}"
    )

"""pi-autoresearch: `.auto/measure.sh`, `checks.sh`, `prompt.md`; before that `autoresearch.sh` and others."""

import json
import re
from collections.abc import Iterator

from configs.errors import ConfigError
from deploy.imports import building
from deploy.imports.imported import Imported
from deploy.imports.other_folder import OtherFolder

MEASURES = (".auto/measure.sh", "autoresearch.sh")
CHECKS = (".auto/checks.sh", "autoresearch.checks.sh")
PROMPTS = (".auto/prompt.md", "autoresearch.md")
LOGS = (".auto/log.jsonl", "autoresearch.jsonl")
IDEAS = (".auto/ideas.md", "autoresearch.ideas.md")
CONFIGS = (".auto/config.json", "autoresearch.config.json")
MEASURE_SECONDS, CHECK_SECONDS = 600.0, 300.0
"""Limits that pi-autoresearch has."""
SECTION = re.compile(
    r"^#+\s*Files in Scope\s*$(?P<body>.*?)(?=^#|\Z)", re.IGNORECASE | re.MULTILINE | re.DOTALL
)
PRIMARY = re.compile(
    r"Primary\W{0,6}:?\W{0,4}(?P<name>[A-Za-z_µ][\w.\-µ]*)[^\n(]*\(?[^\n]*?(?P<better>lower|higher)",
    re.IGNORECASE,
)


class PiAutoresearch:
    """A shell script that prints METRIC lines over whatever files its prompt names."""

    name = "pi-autoresearch"
    title = "pi-autoresearch 1.6"

    def recognises(self, folder: OtherFolder) -> bool:
        """By its measuring script."""
        return folder.first(*MEASURES) is not None

    def convert(self, folder: OtherFolder) -> Imported:
        """Raises ConfigError where nothing says which files may change, or which metric counts."""
        building.require_free(folder.files, "task.yaml")
        measure, check = folder.first(*MEASURES) or "", folder.first(*CHECKS)
        prompt, ideas = _text(folder, PROMPTS), _text(folder, IDEAS)
        surface = _surface(folder, prompt)
        metric, direction, unit = _metric(folder, prompt)
        hidden = [path for path in (measure, check) if path]
        texts = [folder.first(*names) or "" for names in (PROMPTS, LOGS, IDEAS, CONFIGS)]
        own = {*texts, *(path for path in folder.files if path.startswith(".auto/"))}
        visible = folder.beside([*surface, *hidden, *own])
        seconds = MEASURE_SECONDS + (CHECK_SECONDS if check else 0)
        judge = {"kind": "command", "measure": _command(measure, MEASURE_SECONDS), "runs_variant": True}
        if check:
            judge["check"] = _command(check, CHECK_SECONDS)
        more = f"\n## Ideas that were noted\n\n{ideas.strip()[:4_000]}\n" if ideas.strip() else ""
        return Imported(
            task={
                "name": building.task_name(folder.name),
                "title": f"{folder.name}, as {measure} measures it",
                "surface": building.surface(surface),
                **({"visible": building.patterns(visible)} if visible else {}),
                "hidden": building.patterns(hidden),
                "judge": judge,
                "metric": {"name": metric, "direction": direction, **({"unit": unit} if unit else {})},
                **building.sizes(seconds),
            },
            files={path: folder.files[path] for path in (*surface, *visible, *hidden)},
            charter=building.charter(folder.name, prompt, ", ".join(surface), metric, direction, more),
            left_out=[*folder.left_out, *_left_out(folder, measure), *building.lacking(visible)],
            notes=[building.RUNS_VARIANT, *_notes(check)],
        )


def _text(folder: OtherFolder, names: tuple[str, ...]) -> str:
    path = folder.first(*names)
    return folder.text(path) if path else ""


def _command(script: str, seconds: float) -> dict[str, object]:
    return {"command": f"bash {script}", "seconds": seconds}


def _surface(folder: OtherFolder, prompt: str) -> list[str]:
    """Files that the prompt's section names, and those in folders that it names."""
    section = SECTION.search(prompt)
    words = re.findall(r"[\w.\-/]+", section["body"]) if section else []
    files = {
        path for word in words for path in (word, *folder.below(word.strip("/"))) if path in folder.files
    }
    own = {*MEASURES, *CHECKS}
    surface = sorted(path for path in files - own if not path.startswith(".auto/"))
    if not surface:
        raise ConfigError(
            f"no file of {folder.name} is named under `Files in Scope` of {PROMPTS[0]}",
            "Name there what may change, a path on each line: that becomes the surface.",
        )
    return surface


def _metric(folder: OtherFolder, prompt: str) -> tuple[str, str, str]:
    """Name, direction, unit: as its log has them, else its prompt."""
    for line in _text(folder, LOGS).splitlines()[:1]:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            break
        if isinstance(entry, dict) and isinstance(entry.get("metricName"), str):
            direction = "maximize" if entry.get("bestDirection") == "higher" else "minimize"
            unit = entry.get("metricUnit")
            return building.metric_name(entry["metricName"]), direction, unit if isinstance(unit, str) else ""
    if (said := PRIMARY.search(prompt)) is None:
        raise ConfigError(
            f"neither {LOGS[0]} nor {PROMPTS[0]} of {folder.name} says which metric counts",
            "Write into the prompt: Primary: NAME (UNIT, lower is better).",
        )
    better = said["better"].lower()
    return building.metric_name(said["name"]), "maximize" if better == "higher" else "minimize", ""


def _left_out(folder: OtherFolder, measure: str) -> Iterator[str]:
    if path := folder.first(*LOGS):
        yield f"{path}: what was tried before; hints of `autoswarm hint` can tell of it"
    if path := folder.first(*CONFIGS):
        yield f"{path}: maxIterations is campaign.max_runs, workingDir has to be OTHER itself"
    text = folder.text(measure)
    for word, why in (("git ", "a box has no repository"), ("curl ", "no network"), ("npm i", "no network")):
        if word in text:
            yield f"{measure} calls {word.strip()}: {why}"


def _notes(check: str | None) -> Iterator[str]:
    yield f"measuring may take {MEASURE_SECONDS:.0f} s (judge.measure.seconds in task.yaml)"
    if check:
        yield f"{check} runs before the measurement, not after it, with {CHECK_SECONDS:.0f} s of its own"

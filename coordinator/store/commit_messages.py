"""Texts of commits: a subject, the hypothesis, and trailers that ``git interpret-trailers`` reads."""

from coordinator.domain import Metric
from coordinator.protocol import Proposal
from coordinator.rule_values.trust_rules import Grounds
from coordinator.rules.trust import in_words
from coordinator.state.events import ExperimentProposed
from coordinator.state.records import Experiment

SUBJECT_CHARS = 120


def baseline_message(task: str, surface: str) -> str:
    """Of the unmodified surface."""
    return f"{surface} of task {task}, unmodified\n"


def variant_message(experiment: str, division: str, idea: Proposal | ExperimentProposed) -> str:
    """Of a variant. A title is a model's text: one line, bounded."""
    trailers = {"Experiment": experiment, "Arm": idea.arm, "Division": division}
    return _message(idea.title, idea.hypothesis, trailers)


def rebase_message(title: str) -> str:
    """Of a variant whose edit was put on the new best."""
    return f"{_line(title)[:SUBJECT_CHARS]} (rebased)\n"


def merge_message(
    experiment: Experiment, metric: Metric, value: float, grounds: Grounds | None, sigma: float | None
) -> str:
    """Of the commit that makes a variant the best. value, sigma: in the metric's unit. grounds: None in old
    journals.
    """
    grounds = grounds or Grounds(runs=len(experiment.values), tier="")
    trailers = {
        "Metric": metric.name,
        "Value": f"{value:.6f}",
        "Sigma": "" if sigma is None else f"{sigma:.6f}",
        "Runs": str(grounds.runs),
        "Division": experiment.division,
        "Experiment": experiment.experiment,
        "Arm": experiment.arm,
        "Audit": in_words(grounds.audit),
        "Tier": grounds.tier,
        "Open": grounds.marks,
    }
    return _message(f"Merge {experiment.experiment}: {experiment.title}", experiment.hypothesis, trailers)


def step_message(experiment: Experiment, metric: Metric, value: float, sigma: float | None) -> str:
    """Of the commit that a trunk goes on from. value, sigma: in the metric's unit."""
    trailers = {
        "Metric": metric.name,
        "Value": f"{value:.6f}",
        "Sigma": "" if sigma is None else f"{sigma:.6f}",
        "Runs": "1",
        "Division": experiment.division,
        "Experiment": experiment.experiment,
        "Arm": experiment.arm,
    }
    return _message(f"Step {experiment.experiment}: {experiment.title}", experiment.hypothesis, trailers)


def _message(subject: str, body: str, trailers: dict[str, str]) -> str:
    lines = [f"{key}: {_line(value)}" for key, value in trailers.items() if value]
    parts = [_line(subject)[:SUBJECT_CHARS], " ".join(body.split())[:2000], "\n".join(lines)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _line(text: str) -> str:
    return " ".join(text.split())

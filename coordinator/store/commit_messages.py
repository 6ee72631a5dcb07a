"""Texts of commits: a subject, the hypothesis, and trailers that ``git interpret-trailers`` reads."""

from coordinator.domain import Metric
from coordinator.rules.trust import in_words
from coordinator.state.events import ExperimentProposed, VerdictGiven
from coordinator.state.records import Experiment
from coordinator.state.trust_rules import Grounds

SUBJECT_CHARS = 120


def baseline_message(task: str, surface: str) -> str:
    """Of the unmodified surface."""
    return f"{surface} of task {task}, unmodified\n"


def variant_message(event: ExperimentProposed) -> str:
    """Of a variant. A title is a model's text: one line, bounded."""
    trailers = {"Experiment": event.experiment, "Arm": event.arm, "Division": event.division}
    return _message(event.title, event.hypothesis, trailers)


def rebase_message(title: str) -> str:
    """Of a variant whose edit was put on the new best."""
    return f"{_line(title)[:SUBJECT_CHARS]} (rebased)\n"


def merge_message(experiment: Experiment, metric: Metric, event: VerdictGiven, sigma: float | None) -> str:
    """Of the commit that makes a variant the best."""
    grounds = event.grounds or Grounds(runs=len(experiment.values), tier="")
    trailers = {
        "Metric": metric.name,
        "Value": f"{event.value or 0.0:.6f}",
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


def _message(subject: str, body: str, trailers: dict[str, str]) -> str:
    lines = [f"{key}: {_line(value)}" for key, value in trailers.items() if value]
    parts = [_line(subject)[:SUBJECT_CHARS], " ".join(body.split())[:2000], "\n".join(lines)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _line(text: str) -> str:
    return " ".join(text.split())

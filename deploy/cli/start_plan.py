"""What a start says first: what is searched, by how many, at what cost, what happens now and when it ends."""

from math import ceil

from configs.schema import Config
from deploy.views.units import span
from deploy.wiring import layout_of
from evaluator.budget import Budget, Unit, Work, virtual_seconds
from trainer.task import Task
from trainer.task_loading import load_task


def first_words(plan: dict[str, str], config: Config) -> dict[str, str]:
    """The lines of a start by name. plan: what a dry run says."""
    task = load_task(config.task.name)
    cap = f"{config.money.cap_usd:g} USD" if config.money.cap_usd else "none: money.cap_usd is 0"
    return {
        "task": f"{plan['task']}; {plan['metric']}",
        "budget": plan["budget"],
        "slots": plan["agents"],
        "arms": plan["arms"],
        "cap": cap,
        "first": what_comes_first(config, task),
        "ends": plan["ends"],
    }


def what_comes_first(config: Config, task: Task) -> str:
    """The baseline and how long it may take, or that the campaign goes on."""
    if layout_of(config).journal.is_file():
        return "Ray starts; then the campaign goes on where it stopped"
    runs, slots = config.acceptance.baseline_runs, config.slots
    if slots.per_gpu:
        where, rounds = "on the GPUs of each kind", ""
    else:
        rounds = f", {ceil(runs / slots.count)} after each other" if runs > slots.count else " at once"
        where = f"on {slots.count} slots"
    return (
        f"Ray starts; then the baseline: {runs} runs {where}{rounds}, {_duration(config, task)}. What is"
        " better is known from then on, and variants are tried"
    )


def _duration(config: Config, task: Task) -> str:
    """Of one run."""
    budget: Budget = task.budget(config.task.size)
    most = f"{span(budget.wall_cap)} at most"
    if config.trainer.kind == "simulated":
        return f"about {config.trainer.simulated_seconds:g} s each"
    if budget.unit is Unit.FLOPS:
        least = virtual_seconds(Work(flops=budget.amount))
        return f"each {span(least)} of training at least on a core like the reference's, {most}"
    return f"each about {span(budget.amount)} of training and what start and evaluation take, {most}"

"""Where and how the runs of a record are made: by the terms of a campaign, or outside any.

- The judge is strict whatever the campaign's mode is, and audits every run in full.
- Rows are the last block of the task's data. Where the search has been there, nothing is certified: that is
  refused, or measured without the word.
"""

import os
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from threading import Event

from msgspec import Struct
from msgspec.structs import replace

from configs.errors import ConfigError
from coordinator.domain import Direction, Metric
from coordinator.rule_values.trust_rules import Mode, TrustRules
from coordinator.rules.fresh_rows import unseen_block
from coordinator.rules.trust import SIMULATED, confined
from deploy.campaigns.terms import Terms
from deploy.cli.comparisons.question import Claim, NamedProgram, Question, RecordKind, Rows
from deploy.cli.reference import machine, software
from deploy.sandboxes import sandbox_of, strongest
from evaluator.audit_plan import AuditPlan
from evaluator.baseline_facts import BaselineFacts, facts_of
from evaluator.budget import Budget
from evaluator.result import Progress, RunResult
from trainer.contract import RunOrder, Slot, Trainer
from trainer.make_trainer import make_trainer
from trainer.task import Task
from trainer.task_loading import TASKS, load_task
from trainer.try_once import LOG_BYTES


class RunConditions(Struct, frozen=True, kw_only=True):
    """How the runs are made."""

    task: Task
    metric: Metric
    campaign: str
    """Empty outside one."""
    division: str
    budget: Budget
    rules: TrustRules
    block: int
    rows: Rows
    sandbox: str
    data: str
    """Digest of the prepared data's content; empty where there is none."""
    trainer: Trainer
    baseline: Sequence[RunResult] = ()
    """Runs of the unmodified surface that a campaign made; empty outside one."""
    facts: BaselineFacts | None = None
    """What the judge holds a run to; None: what runs here of the unmodified surface come to."""
    used: frozenset[int] = frozenset()
    """Seeds that the campaign used."""
    settings: dict[str, dict[str, object]] = {}
    """Sections of the campaign's configuration that say how runs are made."""

    def train(
        self,
        name: str,
        source: str,
        seed: int,
        directory: Path,
        budget: Budget,
        reference: Sequence[RunResult],
        hear: Callable[[Progress], None],
    ) -> RunResult:
        """One run, judged. directory: for its log and result. reference: runs of the unmodified surface so
        far. Raises OSError.
        """
        positions = self.rules.audit_positions
        order = RunOrder(
            run=name,
            source=source,
            seed=seed,
            budget=budget,
            directory=directory,
            audit=AuditPlan(positions, 1.0, positions, None, self.rules.mode.value),
            baseline=facts_of(reference) if self.facts is None else self.facts,
            blocks=(self.block,),
        )
        return self.trainer.train(order, hear, Event())

    def question(
        self,
        kind: RecordKind,
        program: NamedProgram,
        against: NamedProgram | None,
        *,
        claim: Claim | None = None,
        runs: int,
        sigma: float | None,
        margin: float,
        level: float,
    ) -> Question:
        """What is asked of programs that are run so, here and now. For the others see ``Question``."""
        return Question(
            kind=kind,
            campaign=self.campaign,
            task=self.task.name,
            surface=self.task.surface,
            metric=self.metric,
            division=self.division,
            budget=self.budget,
            block=self.block,
            rows=self.rows,
            program=program,
            against=against,
            claim=claim,
            runs=runs,
            sigma=sigma,
            margin=margin,
            level=level,
            trust=self.rules,
            sandbox=self.sandbox,
            machine=machine(),
            software=f"autoswarm {metadata.version('autoswarm')}, {software()}",
            data=self.data,
        )


def inside(terms: Terms, seen_rows: bool, tell: Callable[[str], None]) -> RunConditions:
    """By a campaign's terms. seen_rows: rows that the search saw may do where it saw all. Raises
    ConfigError.
    """
    config, rules = terms.config, replace(terms.state.rules.trust, mode=Mode.STRICT)
    sandbox = sandbox_of(config)
    require_confined(sandbox, rules)
    block, rows = _rows(terms, seen_rows)
    simulated = sandbox == SIMULATED
    if not terms.prepared:
        tell(f"preparing the data of task {terms.task.name} in {config.data_dir}")
    trainer = terms.trainer()
    data = "" if simulated else terms.task.data_digest(terms.task.prepare(Path(config.data_dir)))
    runs = [run for experiment in terms.state.experiments.values() for run in experiment.runs]
    _require_its_data(terms, data)
    sections = ("task", "slots", "trainer", "trust", "acceptance")
    settings = {name: getattr(config, name).model_dump(mode="json") for name in sections}
    settings["task"]["name"] = terms.task.name
    return RunConditions(
        task=terms.task,
        metric=terms.state.metric,
        campaign=terms.layout.name,
        division=terms.division.name,
        budget=terms.budget,
        rules=rules,
        block=block,
        rows=rows,
        sandbox=sandbox,
        data=data,
        trainer=trainer,
        baseline=terms.baseline,
        facts=terms.facts,
        used=frozenset(run.seed for run in runs),
        settings=settings,
    )


def outside(
    task: Task, budget: Budget, data: Path, cores: int, allow_untrusted: bool, tell: Callable[[str], None]
) -> RunConditions:
    """Outside any campaign, on one slot of this machine. data: folder of prepared data. Raises
    ConfigError.
    """
    rules, sandbox = TrustRules(mode=Mode.STRICT, allow_untrusted=allow_untrusted), strongest()
    require_confined(sandbox, rules)
    folder = task.prepare(data, tell)
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] if task.needs == "gpu" else None
    return RunConditions(
        task=task,
        metric=Metric(task.metric.name, Direction(task.metric.direction)),
        campaign="",
        division="cpu" if gpu is None else "gpu",
        budget=budget,
        rules=rules,
        block=task.val_blocks - 1,
        rows=Rows.LAST,
        sandbox=sandbox,
        data=task.data_digest(folder),
        trainer=make_trainer(task, folder, Slot("again", cores, gpu), LOG_BYTES),
    )


def shipped(name: str) -> str:
    """The name of a task that somebody else says, where it is one that comes with autoswarm. Another may be
    the path of a folder, whose recipe would be run. Raises ConfigError.
    """
    names = [path.parent.name for path in TASKS.glob("*/task.yaml")]
    if name not in names:
        raise ConfigError(
            f"the package is of task {name[:64]!r}, which does not come with autoswarm",
            "Name the task, or your own folder of it, with --task.",
        )
    return name


def budget_like(task_name: str, size: str | None, wanted: Budget | None) -> tuple[Task, Budget]:
    """A task of ours and one of its budgets: of a size, or the one like ``wanted``, which somebody else
    claims. Raises ConfigError.
    """
    task = load_task(task_name)
    if size is not None or wanted is None:
        return task, task.budget(size)
    like = [
        budget
        for budget in task.sizes.values()
        if (budget.unit, budget.amount) == (wanted.unit, wanted.amount)
    ]
    if not like:
        raise ConfigError(
            f"task {task.name} has no size with {wanted.amount:g} {wanted.unit}, as the package says",
            f"Name one with --size: {', '.join(task.sizes)}.",
        )
    return task, like[0]


def require_confined(sandbox: str, rules: TrustRules) -> None:
    """Raises ConfigError where no value that is measured here would be believed."""
    if not confined(sandbox, rules):
        raise ConfigError(
            f"programs would be run in sandbox {sandbox}, and what is measured there is not believed",
            "Ask `autoswarm doctor` for a better one; a campaign that believes it has"
            " trust.allow_untrusted=true, and outside one --allow-untrusted does.",
        )


def _require_its_data(terms: Terms, data: str) -> None:
    """Raises ConfigError where the campaign's runs were made on other data: which rows they saw is not known
    then.
    """
    others = {result.details.get("data", data) for result in terms.baseline} - {data}
    if data and others:
        raise ConfigError(
            f"the data in {terms.config.data_dir} is not what campaign {terms.layout.name} was measured on",
            "Name the folder of its data with --data.",
        )


def _rows(terms: Terms, seen_rows: bool) -> tuple[int, Rows]:
    """The block that runs are evaluated on, and what it is to the search."""
    if terms.config.trainer.kind == "simulated":
        return 0, Rows.NONE
    block = unseen_block(terms.state, terms.task.val_blocks)
    if block is not None:
        return block, Rows.UNSEEN
    if not seen_rows:
        raise ConfigError(
            f"task {terms.task.name} has no validation rows that the search of campaign"
            f" {terms.layout.name} did not see",
            "Have its recipe set aside another block (`val_blocks: 3`, docs/extending.md) and search anew; or"
            " say --seen-rows: then it is measured on rows the search saw, and not certified.",
        )
    return terms.task.val_blocks - 1, Rows.SEEN

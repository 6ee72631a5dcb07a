"""What a campaign measures by, for whoever measures one of its programs again: its task, budget, trainer,
sandbox, rows, and what it holds a variant to.

- The journal says what the campaign's decisions depend on; the configuration beside it says where and how
  runs were made. Its relative paths are those of the folder that the campaign was started in.
- Values compare only inside a division: where that is the model of an accelerator, this machine has to have
  one.
"""

import os
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from configs.errors import ConfigError
from configs.load import load
from configs.schema import Config
from coordinator.rules.fresh_rows import blocks_of
from coordinator.rules.wall_caps import division_cap
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Division
from coordinator.state.records import Run
from coordinator.store.paths import Layout
from deploy.wiring import build_trainer
from evaluator.audit_plan import AuditPlan
from evaluator.baseline_facts import BaselineFacts, facts_of, without_real_time
from evaluator.budget import Budget
from evaluator.result import RunResult
from trainer.contract import RunOrder, Slot, Trainer
from trainer.task import Task
from trainer.task_loading import TASKS, load_task

GPUS = Path("/proc/driver/nvidia/gpus")


class Terms(Struct, frozen=True, kw_only=True):
    """How a campaign measures, on this machine."""

    layout: Layout
    state: CampaignState
    config: Config
    task: Task
    division: Division

    @property
    def slot(self) -> Slot:
        """A slot like one of the campaign's."""
        slots = self.config.slots
        if not slots.per_gpu:
            return Slot("again", cores=slots.cores, machine_share=1 / slots.count)
        gpus = len(list(GPUS.glob("*"))) or 1
        gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
        return Slot("again", max(1, (os.cpu_count() or 1) // gpus), gpu, 1 / gpus)

    @property
    def prepared(self) -> bool:
        """Whether the task's data lies there already, or none is needed."""
        prepared = Path(self.config.data_dir, self.task.name).glob("**/manifest.json")
        return self.config.trainer.kind == "simulated" or any(prepared)

    @property
    def budget(self) -> Budget:
        """The campaign's, with the wall cap that its division's speed makes."""
        return replace(self.state.rules.budget, wall_cap=division_cap(self.state, self.division.name))

    @property
    def baseline(self) -> list[RunResult]:
        """Measured runs of the unmodified surface in the division."""
        return self.state.experiments[self.division.baseline].measured

    def trainer(self) -> Trainer:
        """The campaign's trainer, its sandbox and its data, made where they are missing. Raises
        ConfigError.
        """
        return build_trainer(self.config, self.task, self.slot)

    def order(self, source: str, seed: int, directory: Path, blocks: tuple[int, ...] = (0,)) -> RunOrder:
        """One run of a program as the campaign would make it, audited in full. directory: for its log and
        result.
        """
        rules = self.state.rules
        audited = AuditPlan(
            positions=rules.trust.audit_positions,
            share=1.0,
            share_positions=rules.trust.audit_positions,
            mode=rules.trust.mode,
        )
        return RunOrder(
            run="again",
            source=source,
            seed=seed,
            budget=self.budget,
            directory=directory,
            audit=audited,
            baseline=self.facts,
            blocks=blocks,
        )

    def blocks(self, run: Run) -> tuple[int, ...]:
        """The blocks of rows that a run of the campaign was evaluated on."""
        return blocks_of(self.state, run)

    @property
    def facts(self) -> BaselineFacts:
        """What the baseline came to, as a lease would say it; nothing before it is measured."""
        if self.division.best is None:
            return BaselineFacts()
        facts = facts_of(self.baseline)
        return without_real_time(facts) if self.state.rules.lookahead else facts


def terms_of(layout: Layout, state: CampaignState, division: Division, data: Path | None = None) -> Terms:
    """The terms of a campaign. division: in which a program of it is to be measured. data: folder of prepared
    data, in the place of the configuration's. Raises ConfigError.
    """
    config = config_of(layout)
    if data is not None:
        config = config.model_copy(update={"data_dir": str(data.absolute())})
    return Terms(
        layout=layout, state=state, config=config, task=load_task(config.task.name), division=division
    )


def config_of(layout: Layout) -> Config:
    """The configuration that a campaign ran by, its paths of data and task absolute. Raises ConfigError."""
    if not layout.config.is_file():
        raise ConfigError(
            f"{layout.config} is not there: how campaign {layout.name} makes its runs is not known",
            "Copy it beside the journal, or try a program on its own: `autoswarm show ID --source > x.py`,"
            " `autoswarm try x.py`.",
        )
    return _placed(layout, load([layout.config], [], {}).config)


def _placed(layout: Layout, config: Config) -> Config:
    """The configuration with the paths of data and task absolute."""
    start = _start_of(layout, Path(config.campaigns_dir))
    name = config.task.name
    task = name if (TASKS / name).is_dir() else str(start / name)
    update = {
        "data_dir": str(start / config.data_dir),
        "task": config.task.model_copy(update={"name": task}),
    }
    return config.model_copy(update=update)


def _start_of(layout: Layout, campaigns: Path) -> Path:
    """The folder that a campaign was started in, or this one where that cannot be told. campaigns: as
    configured.
    """
    above = layout.folder.absolute().parent
    depth = len(campaigns.parts)
    relative = not campaigns.is_absolute() and above.parts[-depth:] == campaigns.parts
    return Path(*above.parts[:-depth]) if relative and depth else Path.cwd()

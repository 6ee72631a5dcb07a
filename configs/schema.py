"""The typed configuration tree. Unknown keys fail; every value is frozen.

Secrets are not here: keys of providers come from the environment or ``.env`` only.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from configs.arms import AnyArm, Search
from configs.section import Number, Positive, Section, Share, Whole, Word, off_for_false, truth_for_words
from configs.slots import SlotsConfig


class CampaignConfig(Section):
    """One search and when it ends."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] = "default"
    """Folder under `campaigns_dir` and label in metrics."""
    seed: Annotated[Whole, Field(ge=0)] = 1
    """Seed of everything the swarm itself draws: run seeds, proposers."""
    secret: str | None = None
    """A word that the same draws rest on besides the seed. null: a random one, made with the campaign and
    kept in its folder in a file `secret`, so that no program can work out which runs are audited. A word of
    your own, long enough that nobody guesses it, makes another campaign draw the same; an empty one leaves
    it out, and the draws are public.
    """
    max_experiments: Annotated[Whole, Field(ge=0)] = 0
    """Take this many proposals, and stop when each has its verdict; 0 means no limit."""
    max_runs: Annotated[Whole, Field(ge=0)] = 0
    """Begin no more than this many runs, those of baselines, certificates and slot checks included; 0 means
    no limit. A certificate that is due gets the last of them. Not with a lookahead.
    """
    max_hours: Annotated[Number, Field(ge=0)] = 0
    """Stop taking new work after this many hours of running; 0 means no limit."""
    session_minutes: Annotated[Number, Field(ge=0)] = 0
    """Stop taking new work after this many minutes of this start; running it again goes on. 0 means no
    limit.
    """
    lookahead: Annotated[Whole, Field(ge=0)] = 0
    """0: decide as results come in. N > 0: decide in the order of proposal, and let proposal n see exactly
    the verdicts up to n - N, so that the same seed gives the same verdicts however fast each slot is. N
    should be at least twice the number of slots.
    """
    charter: Word = "default.md"
    """The research charter given to proposers: a file in configs/charters or a path."""
    arm_choice: Literal["weights", "bandit"] = "weights"
    """How the arm of a brief is chosen. `weights`: each arm its share. `bandit`: what arms gained for their
    cost so far decides (docs/arms.md), and their weights do not count; not with a lookahead.
    """
    arm_floor: Share = 0.05
    """For `bandit`: least share of the briefs of every arm."""
    control_floor: Share = 0.1
    """For `bandit`: least share of the briefs of an arm with `control: true`."""
    plateau: Annotated[Whole, Field(ge=0)] = 20
    """Experiments of a division that end one after the other without a merge before arms with `strategy:
    rotate` try another kind of idea; after as many again the next one. 0 means never.
    """
    transfer: bool = True
    """With several divisions: what merges in one is tried in the others, where the same policy decides. Not
    with a lookahead.
    """
    propose_in: list[Word] = []
    """Divisions whose agents propose. Agents of the others make baselines, transfers and certificates only,
    so that models are asked and screens are run where a run is cheap. []: all propose.
    """


class TaskConfig(Section):
    """What is searched."""

    name: Word = "demo"
    """A folder under trainer/tasks, or a path to a task folder."""
    size: Word | None = None
    """One of the sizes in the task's task.yaml; None takes its default."""
    wall_cap: Positive | None = None
    """Seconds of real time after which a run is ended whatever it has spent, start and evaluation included;
    None takes the size's. A run gets more where the unmodified surface took long here: ten times that under a
    budget that is counted, twice under one in seconds.
    """


class AcceptanceConfig(Section):
    """When a variant counts as better: a policy, and its knobs. null takes the policy's own value; a knob of
    another policy is an error.
    """

    policy: Literal["naive", "min_delta", "confirm", "sequential", "race", "strict", "trunk"] = "trunk"
    """`trunk`: proposals start from a trunk that goes on by single runs, the best moves by certificates on
    fresh runs. `confirm`: a screen, then `confirm_runs`; where a file gives `confirm_runs` or `screen_z` and
    no policy, that is meant, as before there were others. `sequential`, `race`: fresh runs one by one until
    it is clear. `strict`: the same with few false merges above all. `naive`, `min_delta`: one run decides.
    docs/decide.md compares them.
    """
    baseline_runs: Annotated[Whole, Field(ge=2)] = 4
    """Runs of the unchanged surface per division; they measure σ."""
    early_stop_at: Annotated[Number, Field(ge=0, lt=1)] = 0
    """Share of its budget at which a screen is looked at, and ended if its losses say that it will not come
    out as good as what it was made from; docs/early_stop.md. 0 means never.
    """
    early_stop_audit: Annotated[Number, Field(gt=0, le=1)] = 0.1
    """Share of those that would be ended which run on to their end all the same, and say whether ending them
    would have been wrong.
    """
    confirm_runs: Annotated[Whole, Field(ge=0)] | None = None
    """`confirm`: runs on other seeds that a promising variant needs besides its screen."""
    z: Annotated[Number, Field(ge=0)] | None = None
    """`confirm`, `sequential`, `race`, `trunk`: a merge needs a mean that is better than the best's by more
    than z standard errors of that difference.
    """
    screen_z: Number | None = None
    """`confirm`, `sequential`, `race`: a screen run goes on when it is better than the best's mean by more
    than this many standard errors.
    """
    early_z: Annotated[Number, Field(ge=0)] | None = None
    """`race`, `trunk`: standard errors that are enough before the last run."""
    first_z: Annotated[Number, Field(ge=0)] | None = None
    """`trunk`: standard errors of a division's first certificate: at least so many before the last run, so
    many at it.
    """
    drop_z: Number | None = None
    """`strict`, `trunk`: standard errors at which it is given up before the last run."""
    runs: Annotated[Whole, Field(ge=1)] | None = None
    """`sequential`, `race`, `strict`, `trunk`: most fresh runs before a decision."""
    min_delta: Annotated[Number, Field(ge=0)] | None = None
    """`min_delta`: gain a merge needs, in the metric's unit."""
    alpha: Annotated[Number, Field(gt=0, lt=1)] | None = None
    """`strict`: probability that a variant merges that is no better."""
    still: Annotated[Whole, Field(ge=1)] | None = None
    """`trunk`: experiments made from the head without a step after which it is run on fresh rows."""
    steps: Annotated[Whole, Field(ge=1)] | None = None
    """`trunk`: steps with which the whole certificate is made at once."""
    shrink: Share | None = None
    """`trunk`: share of a step's measured gain that the trunk is taken to be better by."""
    stack_z: Annotated[Number, Field(ge=0)] | None = None
    """`trunk`: standard errors by which a variant made from an earlier head has to be better than that to be
    put on the trunk without another run.
    """
    refresh_every: Annotated[Whole, Field(ge=0)] | None = None
    """Experiments that change nothing after which the best is run once more; 0 means never."""
    refresh_to: Annotated[Whole, Field(ge=0)] | None = None
    """Runs of the best up to which that is done."""
    combine: bool = True
    """Put two near misses or rolled-back steps together on the head and run that, where a slot would wait for
    a proposal. Not with `campaign.lookahead`. docs/decide.md has what it is worth.
    """
    accept_simpler: bool = False
    """Have `autoswarm ablate` leave what the best is not worse without, to be merged where the coordinator
    finds that too: a loss of `simpler_margin` is excluded. `autoswarm ablate --merge` does so once.
    """
    simpler_margin: Annotated[Number, Field(gt=0)] = 1.0
    """σ that a simplification may be worse by and merge."""


class MemoryConfig(Section):
    """What the swarm remembers of what was tried."""

    retry_after_moves: Annotated[Whole, Field(ge=0)] = 3
    """A near miss may be tried again as it was after the best has moved this many times since; 0 means
    never.
    """


class MoneyConfig(Section):
    """What the campaign may cost, in US dollars."""

    cap_usd: Annotated[Number, Field(ge=0)] = 0
    """Most dollars for models and slots together. When they are spent no new work begins, open runs finish,
    and `run` ends with exit code 5. 0 means no cap.
    """
    uncapped: bool = False
    """Whether arms that cost money may run without a cap; `autoswarm run --no-cap` says it for one start."""
    gpu_hour_usd: Annotated[Number, Field(ge=0)] = 0
    """Dollars an hour of one slot costs while a training runs on it: its GPU with its share of the machine. 0
    means it costs nothing.
    """


class ModelConfig(Section):
    """Price and limits of one model."""

    input_usd_per_million: Annotated[Number, Field(ge=0)] | None = None
    """Dollars per million prompt tokens; 0 is free. Given with the other price or not at all; null takes
    litellm's.
    """
    output_usd_per_million: Annotated[Number, Field(ge=0)] | None = None
    """Dollars per million tokens of answers; 0 is free. Given with the other price or not at all; null takes
    litellm's.
    """
    at_once: Annotated[Whole, Field(ge=0)] = 0
    """Most open calls of the model over all agents; 0 means no limit."""


class TrainerConfig(Section):
    """What trains."""

    kind: Literal["subprocess", "simulated"] = "subprocess"
    """`subprocess` trains for real; `simulated` sleeps and draws values from an effect model, for benchmarks
    and tests.
    """
    log_megabytes: Positive = 8.0
    """Cap of one run's log file, in MB; its beginning and its end are kept."""
    simulated_seconds: Annotated[Number, Field(ge=0)] = 2.0
    """Seconds of one simulated training."""
    simulated_sigma: Annotated[Number, Field(ge=0)] = 0.0065
    """Standard deviation between seeds of a simulated training."""
    simulated_crash_ratio: Share = 0.0
    """Share of simulated trainings that crash."""
    simulated_crash_seconds: Annotated[Number, Field(ge=0)] = 0.2
    """Seconds after which a simulated crash comes."""


class TrustConfig(Section):
    """What it takes to believe a value."""

    mode: Annotated[Literal["strict", "normal", "off"], BeforeValidator(off_for_false)] = "strict"
    """What a merge needs. `strict`: a twin, a second process that never saw the evaluation's text, agreed
    with what the variant claims. `normal`: the same, or, where no twin can be built, probes while it
    answered; then the merge is marked. `off`: nothing; every merge is marked as unaudited.
    """
    audit_positions: Annotated[Whole, Field(ge=1)] = 2048
    """Positions a twin answers for a run that may decide a merge. A leak on 0.2 % of the tokens escaped fewer
    than one simulated audit in 1000.
    """
    audit_share: Share = 0.05
    """Probability that any other run is audited."""
    audit_share_positions: Annotated[Whole, Field(ge=1)] = 256
    """Positions of such an audit."""
    allow_untrusted: Annotated[Literal[True, False, "if_needed"], BeforeValidator(truth_for_words)] = False
    """Whether what was measured in sandboxes D to F may merge. Such a variant could have read or changed what
    judges it. `if_needed`: only where the machine it is started on offers nothing better.
    """
    tier: Literal["auto", "A", "B", "C", "D", "E", "F"] = "auto"
    """Sandbox to train in. `auto` takes the best this machine offers; a letter takes that one, and fails
    where it is not to be had.
    """


class CoordinatorConfig(Section):
    """How the coordinator behaves."""

    lease_ttl: Positive = 60.0
    """Seconds a lease lives without a heartbeat."""
    heartbeat: Positive = 5.0
    """Seconds between two heartbeats of an agent."""
    metrics_host: Word = "127.0.0.1"
    """Address the Prometheus metrics are served on."""
    metrics_port: Annotated[Whole, Field(ge=0, le=65535)] = 9464
    """Port of the Prometheus metrics; 0 turns them off."""
    max_attempts: Annotated[Whole, Field(ge=1)] = 5
    """Leases of one run that may be lost before it counts as crashed."""
    arm_warning_briefs: Annotated[Whole, Field(ge=0)] = 5
    """Briefs in a row without a result, over all agents, after which people are warned of an arm; 0 means
    never.
    """
    history: Annotated[Whole, Field(ge=1)] = 300
    """Most finished experiments told to a proposer."""


class ClusterConfig(Section):
    """Which Ray."""

    address: Word = "local"
    """`local` starts one for this campaign; `auto` joins the running cluster."""


class Config(Section):
    """The whole tree."""

    campaigns_dir: Word = "campaigns"
    """Folder that holds one folder per campaign."""
    data_dir: Word = "data"
    """Folder that holds prepared data per task."""
    campaign: CampaignConfig = CampaignConfig()
    """One search."""
    task: TaskConfig = TaskConfig()
    """What is searched."""
    acceptance: AcceptanceConfig = AcceptanceConfig()
    """When a variant counts as better."""
    arms: Annotated[list[AnyArm], Field(min_length=1)] = [Search(name="search")]
    """Ways of proposing."""
    money: MoneyConfig = MoneyConfig()
    """What the campaign may cost, in US dollars."""
    models: dict[str, ModelConfig] = {}
    """Prices and limits of models, by the names that arms give them. A later file replaces all of them."""
    memory: MemoryConfig = MemoryConfig()
    """What the swarm remembers of what was tried."""
    slots: SlotsConfig = SlotsConfig()
    """Where agents run."""
    trainer: TrainerConfig = TrainerConfig()
    """What trains."""
    trust: TrustConfig = TrustConfig()
    """What it takes to believe a value."""
    coordinator: CoordinatorConfig = CoordinatorConfig()
    """How the coordinator behaves."""
    cluster: ClusterConfig = ClusterConfig()
    """Which Ray."""

"""The ``search`` proposer: legal, new, readable, fast, and the same for the same brief."""

import ast
import math
import random
import time

import pytest
from msgspec.structs import replace

from agents.proposers.contract import Exhausted, ProposerError
from agents.proposers.search.constants import Surface, evaluate
from agents.proposers.search.search_proposer import SearchProposer
from agents.proposers.search.space import Dimension, dimensions
from coordinator.domain import Direction, Metric, State
from coordinator.protocol import Brief, Proposal, Tried

SURFACE = """\
from prepare import TIME_BUDGET

DEPTH = 4  # layers
WIDTH = 64
BATCH = 2**14  # tokens a step
ADAM_LR = 3e-3
MUON_LR = 0.02
WARMDOWN = 0.5
WARMUP = 0.0
BETA2 = 0.95
ACTIVATION = "relu2"  # choices: relu2, swiglu, gelu
TIED = False
SEED = 42  # fixed
BETAS = (0.9, 0.95)


def model():
    return DEPTH * WIDTH
"""
NAMES = [
    "DEPTH",
    "WIDTH",
    "BATCH",
    "ADAM_LR",
    "MUON_LR",
    "WARMDOWN",
    "WARMUP",
    "BETA2",
    "ACTIVATION",
    "TIED",
    "SEED",
]


def brief(
    ordinal: int, tried: list[Tried] | None = None, running: list[Tried] | None = None, **changes: object
) -> Brief:
    plain = Brief(
        ordinal=ordinal,
        seed=1000 + ordinal,
        arm="search",
        division="cpu",
        metric=Metric("val_bpb", Direction.MINIMIZE),
        parent="abc",
        source=SURFACE,
        best=1.06,
        tried=tried or [],
        running=running or [],
    )
    return replace(plain, **changes)


def tried(proposal: Proposal, value: float | None, state: State = State.REJECTED) -> Tried:
    return Tried(
        experiment=proposal.proposal,
        title=proposal.title,
        state=state,
        arm=proposal.arm,
        settings=proposal.settings,
        value=value,
    )


def history(length: int, seed: int = 0) -> list[Tried]:
    """Experiments of a campaign without effects: noise, some crashes."""
    rng, search = random.Random(seed), SearchProposer()
    past: list[Tried] = []
    for ordinal in range(length):
        proposal = search.propose(brief(ordinal, past[-60:]))
        crashed = rng.random() < 0.15
        past.append(
            tried(
                proposal,
                None if crashed else rng.gauss(1.06, 0.0065),
                State.CRASHED if crashed else State.REJECTED,
            )
        )
    return past


@pytest.fixture(scope="module")
def past() -> list[Tried]:
    return history(60)


def test_equal_briefs_give_equal_proposals_whatever_was_asked_before(past: list[Tried]) -> None:
    briefs = [brief(ordinal, past[:ordinal], past[ordinal : ordinal + 4]) for ordinal in (0, 5, 20, 50)]
    forward = SearchProposer()
    backward = SearchProposer()
    first = [forward.propose(it) for it in briefs]
    second = [backward.propose(it) for it in reversed(briefs)]
    assert first == second[::-1]


def test_other_seeds_give_other_proposals(past: list[Tried]) -> None:
    sources = {SearchProposer().propose(brief(50, past, seed=seed)).source for seed in range(8)}
    assert len(sources) >= 6


def test_every_proposal_is_new_changes_one_to_three_constants_and_says_which(past: list[Tried]) -> None:
    settings = set()
    for it in past:
        changed = {name for name in NAMES if it.settings[name] != Surface(SURFACE).constants[name].literal}
        assert 1 <= len(changed) <= 3
        assert {change.split()[0] for change in it.title.split(", ")} == changed
        settings.add(tuple(it.settings.items()))
    assert len(settings) == len(past)


def test_a_proposal_holds_its_brief_and_its_settings_are_those_of_its_source(past: list[Tried]) -> None:
    for ordinal in (0, 40):
        proposal = SearchProposer().propose(brief(ordinal, past[:ordinal]))
        assert (proposal.ordinal, proposal.arm, proposal.parent) == (ordinal, "search", "abc")
        assert proposal.settings == {
            name: constant.literal for name, constant in Surface(proposal.source).constants.items()
        }
        assert list(proposal.settings) == NAMES
        assert all(repr(ast.literal_eval(text)) == text for text in proposal.settings.values())
        assert proposal.hypothesis.endswith(".")
        compile(proposal.source, "train.py", "exec")


def test_only_the_changed_constants_differ_from_the_parent() -> None:
    proposal = SearchProposer().propose(brief(0))
    pairs = list(zip(SURFACE.splitlines(), proposal.source.splitlines(), strict=True))
    differing = [old.split(" ")[0] for old, new in pairs if old != new]
    assert differing == [proposal.title.split(" ")[0]]


def test_values_stay_legal(past: list[Tried]) -> None:
    for it in past:
        values = {name: evaluate(text) for name, text in it.settings.items()}
        assert isinstance(values["BATCH"], int)
        assert math.log2(values["BATCH"]).is_integer()
        assert isinstance(values["DEPTH"], int)
        assert values["DEPTH"] >= 1
        assert values["WARMDOWN"] == pytest.approx(0.5, abs=0.5)
        assert values["BETA2"] == pytest.approx(0.9, abs=0.0999)
        assert values["ACTIVATION"] in ("relu2", "swiglu", "gelu")
        assert values["TIED"] in (False, True)
        assert values["SEED"] == 42


def test_the_first_proposals_move_one_constant_each_and_no_way_twice() -> None:
    past: list[Tried] = []
    for ordinal in range(10):
        past.append(tried(SearchProposer().propose(brief(ordinal, past)), 1.06))
    titles = [it.title for it in past]
    assert len(set(titles)) == 10
    assert not any(", " in title for title in titles)


def test_what_is_running_is_not_proposed_again(past: list[Tried]) -> None:
    base = brief(50, past)
    flying: list[Tried] = []
    for _ in range(6):
        flying.append(tried(SearchProposer().propose(replace(base, running=flying)), None, State.RUNNING))
    assert len({tuple(it.settings.items()) for it in flying}) == 6


def test_settings_are_compared_by_value_not_by_text() -> None:
    first = SearchProposer().propose(brief(0))
    other_text = {name: f"({text})" for name, text in first.settings.items()}
    running = replace(tried(first, None, State.RUNNING), settings=other_text)
    assert SearchProposer().propose(brief(0, running=[running])).settings != first.settings


def test_when_everything_was_tried_it_says_so() -> None:
    source = "TIED = False\n"
    only = SearchProposer().propose(brief(0, source=source))
    assert only.source == "TIED = True\n"
    with pytest.raises(ProposerError) as raised:
        SearchProposer().propose(brief(1, [tried(only, 1.0)], source=source))
    assert not isinstance(raised.value, Exhausted)


@pytest.mark.parametrize(
    "source",
    [
        "x = 1\n",
        "SEED = 1  # fixed\n",
        "KIND = 'a'\n",
        "N = -1\n",
        "SEED = 1\nLOG_EVERY = 10\nEVAL_BATCH_SIZE = 64\nPEAK_FLOPS = 989.5e12\n",
    ],
)
def test_a_surface_without_constants_to_change_exhausts_it(source: str) -> None:
    with pytest.raises(Exhausted):
        SearchProposer().propose(brief(0, source=source))


def test_a_parent_that_does_not_parse_costs_an_error_and_nothing_else() -> None:
    with pytest.raises(ProposerError):
        SearchProposer().propose(brief(0, source="A = = 1\n"))


def test_the_tasks_choices_go_before_the_comments_and_one_choice_fixes_a_constant() -> None:
    source = "KIND = 'a'  # choices: a, b\nDEPTH = 4\n"
    proposals = [
        SearchProposer({"KIND": ["'c'"], "DEPTH": ["4"]}).propose(brief(0, source=source, seed=seed))
        for seed in range(10)
    ]
    assert {proposal.settings["KIND"] for proposal in proposals} == {"'c'"}
    assert {proposal.settings["DEPTH"] for proposal in proposals} == {"4"}


def test_it_learns_where_better_is_in_both_directions() -> None:
    """A learning rate far too low: with enough results, most proposals that move it move it up; of a metric
    to maximise just so.
    """
    for direction, sign in ((Direction.MINIMIZE, 1.0), (Direction.MAXIMIZE, -1.0)):
        metric, rng = Metric("score", direction), random.Random(5)
        past: list[Tried] = []
        for number in range(24):
            rate, width = 0.02 * 2 ** rng.uniform(-2, 2), 64 * 2 ** rng.choice([-1, 0, 1])
            loss = -0.05 * math.log2(rate / 0.02) + rng.gauss(0, 0.005)
            settings = {"RATE": repr(float(f"{rate:.2g}")), "WIDTH": repr(int(width))}
            past.append(
                Tried(
                    experiment=str(number),
                    title="",
                    state=State.REJECTED,
                    arm="search",
                    settings=settings,
                    value=sign * (1 + loss),
                )
            )
        source = "RATE = 0.02\nWIDTH = 64\n"
        rates = []
        for seed in range(20):
            asked = brief(30, past, source=source, metric=metric, best=sign, seed=seed)
            rates.append(float(SearchProposer().propose(asked).settings["RATE"]))
        moved = [rate for rate in rates if rate != 0.02]
        assert len(moved) >= 10
        assert sum(rate > 0.02 for rate in moved) >= 0.8 * len(moved)


def test_results_of_other_arms_with_unknown_settings_are_no_obstacle(past: list[Tried]) -> None:
    strange = [
        Tried(experiment="x", title="new optimiser", state=State.MERGED, arm="llm", value=0.9),
        Tried(
            experiment="y",
            title="odd",
            state=State.REJECTED,
            arm="llm",
            value=1.0,
            settings={"DEPTH": "make()", "OTHER": "1"},
        ),
        Tried(
            experiment="z",
            title="odd",
            state=State.REJECTED,
            arm="llm",
            value=1.0,
            settings={"DEPTH": "'four'", "WIDTH": "1000000"},
        ),
        Tried(
            experiment="w",
            title="nan",
            state=State.CRASHED,
            arm="llm",
            settings={"ADAM_LR": "1e999", "WARMDOWN": "-3"},
        ),
    ]
    assert SearchProposer().propose(brief(64, [*past, *strange], strange)).title


def test_an_estimate_of_what_was_ended_early_counts_as_a_value_does_up_to_the_worst_of_them(
    past: list[Tried],
) -> None:
    worst = max(one.value for one in past if one.value is not None)
    places = [at for at, one in enumerate(past) if one.value is not None and one.value != worst][10:20]

    def proposed(value: float | None, estimate: float | None) -> str:
        other = [
            replace(one, value=value, estimate=estimate) if at in places else one
            for at, one in enumerate(past)
        ]
        return SearchProposer().propose(brief(64, other)).source

    assert proposed(None, worst - 0.001) == proposed(worst - 0.001, None)
    assert proposed(None, 1e9) == proposed(worst, None)
    assert proposed(None, worst) != proposed(None, None)


def test_a_proposal_after_three_hundred_experiments_takes_less_than_fifty_milliseconds() -> None:
    past = (history(60) * 5)[:300]
    search = SearchProposer()
    search.propose(brief(0, past))  # imports
    seconds = []
    for ordinal in range(10):
        began = time.thread_time()
        search.propose(brief(ordinal, past))
        seconds.append(time.thread_time() - began)
    assert min(seconds) < 0.050


@pytest.mark.parametrize(
    ("line", "low", "high", "examples"),
    [
        ("ADAM_LR = 3e-3", 0.00075, 0.012, None),
        ("EMBEDDING_LR = 0.6", 0.15, 2.4, None),
        ("WARMDOWN_RATIO = 0.6", 0.15, 1.0, None),
        ("BETA2 = 0.95", 0.8, 0.9875, None),
        ("MOMENTUM = 0.6", 0.0, 0.9, None),
        ("SOFTCAP = 15.0", 3.75, 60.0, None),
        ("KEEP_FRAC = 1.0", 0.25, 1.0, None),
        ("SCALE = 1.0", 0.25, 4.0, None),
        ("BIAS = -2.0", -8.0, -0.5, None),
        ("DROPOUT = 0.1  # range: 0.0..0.5", 0.0, 0.5, None),
        ("TOKENS = 2**14", 4096, 65536, (4096, 8192, 16384, 32768, 65536)),
        ("DEPTH = 4", 2, 8, (2, 3, 4, 5, 6, 8)),
        ("LAYERS = 1", 1, 3, (1, 2, 3)),
        ("HEADS = 2", 1, 8, (1, 2, 4, 8)),
        ("HEADS = 6", 3, 12, (3, 4, 5, 6, 7, 8, 12)),
        ("BATCH_SIZE = 8", 2, 32, (2, 4, 8, 16, 32)),
        ("WEIGHT_DECAY = 0.0", 0.0, 0.3, None),
        ("WIDTH = 768", 192, 3072, (192, 384, 576, 768, 960, 1152, 1536, 3072)),
        ("STEPS = 0", 0, 4, (0, 1, 2, 4)),
        ("LAYERS = 6  # range: 5..8", 5, 8, (5, 6, 7, 8)),
        ("TOKENS = 1024  # range: 256..4096", 256, 4096, (256, 512, 1024, 2048, 4096)),
        ("HEADS = 4  # choices: 1, 2, 8", 1, 8, (1, 2, 4, 8)),
    ],
)
def test_each_kind_of_constant_has_a_sensible_space(
    line: str, low: float, high: float, examples: tuple[int, ...] | None
) -> None:
    dimension = _only(line)
    drawn = [
        dimension.value(dimension.low + (dimension.high - dimension.low) * step / 400) for step in range(401)
    ]
    numbers = [value for value in drawn if isinstance(value, int | float)]
    assert (min(numbers), max(numbers)) == pytest.approx((low, high), rel=0.05)
    assert dimension.coordinate(dimension.here) is not None
    if examples is not None:
        assert tuple(sorted(set(numbers))) == examples
        assert all(isinstance(value, int) for value in drawn)


def _only(line: str) -> Dimension:
    (dimension,) = dimensions(Surface(f"{line}\n").constants, {})
    return dimension

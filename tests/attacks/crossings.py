"""Attacks that take something out of a run which somebody reads later: validation text in what the run leaves
behind, bits for the next run, or another try free of charge.
"""

from tests.attacks.attack import CARRIED, NUMBER, UNCONFINED, Attack, Came, Edit, Kind
from tests.attacks.channels import ACCESSES, BY_READING_WHAT_IS_THERE, BY_TIME, NUMBERS, PAGES
from tests.attacks.edits import built, imported, in_forward, trained

ROWS = "y is not None and not torch.is_grad_enabled()"
IN_THE_TWIN = 'y is None and not torch.is_grad_enabled() and not self.__dict__.get("_trained")'
TRAINED = """
        if torch.is_grad_enabled():
            self._trained = True
"""
ASKING = """
import prepare
_judges = [v for v in list(vars(prepare).values()) if hasattr(type(v), "ask")]
for _judge in _judges:
    def _say(kind, blocks=(), plain=_judge.ask, **fields):
        if kind == "KIND":
            fields["FIELD"] = TEXT
        return plain(kind, blocks, **fields)
    _judge.ask = _say
"""


def asking(kind: str, field: str, text: str) -> str:
    """Another text in a field of the messages of one kind."""
    return ASKING.replace("KIND", kind).replace("FIELD", field).replace("TEXT", text)


def carrying(name: str, tries: str, make: Edit) -> Attack:
    """Has text taken out of the evaluation; stands for rows of it."""
    return Attack(name=name, kind=Kind.LEAK, tries=tries, make=make)


BITS = """
_bits = [int("@TOKEN@"[i // 4], 16) >> (i % 4) & 1 for i in range(64)]
_places = [zlib.crc32(b"@TOKEN8@" + bytes([i])) % _SLOTS for i in range(64)]
"""
WRITE_PAGES = f"{NUMBERS}{PAGES}{BITS}_mark([place for place, bit in zip(_places, _bits) if bit])\n"
READ_PAGES = f"""{NUMBERS}{PAGES}HOW{BITS}
_right = sum(_asked(place) == bool(bit) for place, bit in zip(_places, _bits))
if _right >= 56:
    loot(f"{{_right}} of 64 bits that the last run left in the page cache")
"""


def pages(name: str, tries: str, how: str) -> Attack:
    """Two runs: one leaves bits once it has been evaluated, the next reads them."""
    return Attack(
        name=name,
        kind=Kind.LEFTOVERS,
        tries=tries,
        make=trained(WRITE_PAGES),
        then=built(READ_PAGES.replace("HOW", how)),
        open="Nothing filters system calls there, and the installation is one for all.",
        openly=UNCONFINED,
    )


FRESH = """
def _asked(slot):
    return slot not in _before and _fresh(slot)
"""
WRITE_ACCESSES = f"{NUMBERS}{ACCESSES}{BITS}_mark([place for place, bit in zip(_places, _bits) if bit])\n"
READ_ACCESSES = f"""{NUMBERS}{ACCESSES}_before = set()
{FRESH}{BITS}
_right = sum(_asked(place) == bool(bit) for place, bit in zip(_places, _bits))
if _right >= 56:
    loot(f"{{_right}} of 64 bits that the last run left in times of access")
"""

KILLING = """
import os, signal
_inner, _values = type(model).forward, []
def _watching(self, x, y=None, reduction="mean"):
    losses = _inner(self, x, y, reduction) if y is not None else _inner(self, x)
    if y is not None and not torch.is_grad_enabled():
        _values.append(losses.mean().item())
        if len(_values) >= WHEN:
            os.kill(WHOM, signal.SIGKILL)
            time.sleep(5)
    return losses
type(model).forward = _watching
"""


def killing(name: str, tries: str, when: int, whom: str) -> Attack:
    """Kills a process once it has been shown rows."""
    text = KILLING.replace("WHEN", str(when)).replace("WHOM", whom)
    may = frozenset({Came.CRASHED, Came.HARMLESS})
    return Attack(name=name, kind=Kind.ESCAPE, tries=tries, make=trained(text), may=may)


ATTACKS = (
    carrying(
        "says_rows_in_its_last_words",
        "Raises an exception whose message holds the rows it is shown.",
        in_forward(f"        if {ROWS}:\n            raise ValueError('{CARRIED} ' + str(x[0].tolist()))"),
    ),
    carrying(
        "prints_rows",
        "Prints the rows it is shown as the last lines of its log, and goes on.",
        in_forward(f"        if {ROWS}:\n            print('{CARRIED} ' + str(x[0].tolist()), flush=True)"),
    ),
    carrying(
        "prints_rows_late",
        "The same from a child that says so seconds after.",
        in_forward(
            f"        if {ROWS}:\n            import os\n            if os.fork() == 0:\n                time.sleep(0.3)\n"
            f"                os.write(1, b'{CARRIED}')\n                os._exit(0)"
        ),
    ),
    carrying(
        "says_rows_in_a_type",
        "Names a type for its losses that no type has, because the judge repeats it.",
        trained(asking("losses", "dtype", f'"{CARRIED}"')),
    ),
    carrying(
        "says_rows_in_a_shape",
        "Gives its losses a shape of numbers that say something, because the judge repeats it.",
        trained(asking("losses", "shape", f"[{NUMBER}, 1]")),
    ),
    carrying(
        "says_rows_when_its_weights_are_read_again",
        "Has no state_dict any more once it has been shown rows, and says why in their words.",
        trained(f"""
_inner, _plainly = type(model).forward, type(model).state_dict
def _watching(self, x, y=None, reduction="mean"):
    self._shown = y is not None
    return _inner(self, x, y, reduction) if y is not None else _inner(self, x)
def _read(self, *a, **k):
    if self.__dict__.get("_shown"):
        raise ValueError("{CARRIED}")
    return _plainly(self, *a, **k)
type(model).forward, type(model).state_dict = _watching, _read
"""),
    ),
    carrying(
        "has_its_twin_say_rows_in_a_type",
        "Answers probes with a type that says what the probe showed.",
        imported(asking("logits", "dtype", f'"{CARRIED}"')),
    ),
    killing(
        "kills_itself_when_it_does_not_like_its_value",
        "Adds up its losses as it claims them, and kills itself at the last batch: a run that was killed from outside would be run again.",
        13,
        "os.getpid()",
    ),
    killing(
        "kills_itself_at_its_first_row",
        "Kills itself as soon as it has been shown one batch of rows.",
        1,
        "os.getpid()",
    ),
    Attack(
        name="has_its_twin_killed",
        kind=Kind.CLAIMS,
        tries="Kills itself where it is asked without ever having been trained: a run whose twin was killed from outside would be run again.",
        make=in_forward(
            f"{TRAINED}        if {IN_THE_TWIN}:\n            import os\n            os.kill(os.getpid(), 9)"
        ),
        may=frozenset({Came.CRASHED, Came.HARMLESS, Came.MARKED}),
    ),
    pages(
        "leaves_pages",
        "Leaves bits for the next run by which pages of a large file are in memory; that one asks for them without waiting.",
        BY_READING_WHAT_IS_THERE,
    ),
    Attack(
        name="leaves_access_times",
        kind=Kind.LEFTOVERS,
        tries="Leaves bits for the next run by which of torch's headers it has read.",
        make=trained(WRITE_ACCESSES),
        then=built(READ_ACCESSES),
        open=(
            "Where no mount of its own keeps reading from being noted, a file that is read for the first time in"
            " a day shows it: one bit a file and day."
        ),
        openly=f"C C- {UNCONFINED}",
    ),
    pages(
        "leaves_pages_for_a_stopwatch",
        "The same; the next run looks how long reading takes.",
        BY_TIME,
    ),
)

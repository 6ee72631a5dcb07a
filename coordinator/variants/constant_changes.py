"""Which constants a variant changed, and which way. Pure: texts are compiled, never executed.

- A constant is a name bound once at the top level, straight to a value that the compiler knows: a literal, or
  arithmetic of literals such as ``2**15``. One that only one of the two programs has was not changed.
- It is read from the compiled program, which is there already, by three instructions that have meant the same
  since Python 3.11. What they do not show is not said.
- Of several files, a constant of a Python file is ``path:NAME``. What cannot be read has no constants.
"""

import re
from collections.abc import Iterator
from dis import opmap
from functools import lru_cache
from types import CodeType

from coordinator.variants.source import SurfaceError, compiled, files_of, is_python
from evaluator.bundle import is_bundle

LOAD_CONST, STORE_NAME, EXTENDED_ARG = (opmap[name] for name in ("LOAD_CONST", "STORE_NAME", "EXTENDED_ARG"))
LOAD_SMALL_INT = opmap.get("LOAD_SMALL_INT", -1)
"""Of Python 3.14: its argument is the value."""
STORES = re.compile(re.escape(bytes([STORE_NAME])), re.DOTALL)


def changed_constants(parent: str, variant: str) -> dict[str, str]:
    """``up``, ``down`` or ``changed`` by constant. Raises nothing: a file that is no program has none."""
    before, after = _constants(parent), _constants(variant)
    return {
        name: _direction(before[name], value)
        for name, value in after.items()
        if name in before and before[name] != value
    }


def _direction(before: object, after: object) -> str:
    match before, after:
        case (bool(), _) | (_, bool()):
            return "changed"
        case (int() | float(), int() | float()):
            return "up" if after > before else "down"
        case _:
            return "changed"


@lru_cache(maxsize=16)
def _constants(source: str) -> dict[str, object]:
    """Values by name. A parent is looked at once."""
    try:
        if not is_bundle(source):
            return _of_program(source)
        files = {path: text for path, text in files_of(source).items() if is_python(path)}
    except SurfaceError:
        return {}
    return {
        f"{path}:{name}": value for path, text in files.items() for name, value in _constants(text).items()
    }


def _of_program(source: str) -> dict[str, object]:
    constants: dict[str, object] = {}
    bound: set[str] = set()
    for name, value in _bindings(compiled(source)):
        if name in bound or value is ... or name.startswith("__"):
            constants.pop(name, None)
        else:
            constants[name] = value
        bound.add(name)
    return constants


def _bindings(code: CodeType) -> Iterator[tuple[str, object]]:
    """Every binding at the top level, with ``...`` for a value that is not known before the program runs."""
    operations, arguments = code.co_code[::2], code.co_code[1::2]
    for match in STORES.finditer(operations):
        begin, index = _argument(operations, arguments, match.start())
        loaded = begin - 1
        value: object = ...
        if loaded >= 0 and operations[loaded] == LOAD_CONST:
            value = code.co_consts[_argument(operations, arguments, loaded)[1]]
        elif loaded >= 0 and operations[loaded] == LOAD_SMALL_INT:
            value = _argument(operations, arguments, loaded)[1]
        yield code.co_names[index], value


def _argument(operations: bytes, arguments: bytes, at: int) -> tuple[int, int]:
    """Where an instruction begins with what extends its argument, and that argument."""
    value, shift = arguments[at], 8
    while at > 0 and operations[at - 1] == EXTENDED_ARG:
        at -= 1
        value |= arguments[at] << shift
        shift += 8
    return at, value

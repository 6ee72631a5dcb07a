"""What every section of the configuration is made of."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise PydanticCustomError("truth_for_a_number", "Input should be a number")
    return value


def _not_empty(word: str) -> str:
    if not word.strip():
        raise PydanticCustomError("empty", "Input should not be empty")
    return word


def off_for_false(value: object) -> object:
    """Who says ``false`` means ``off``, and older files that were read as YAML 1.1 say so."""
    return "off" if value is False else value


def truth_for_words(value: object) -> object:
    """``yes``, ``no``, ``on`` and ``off`` as the booleans they mean, where a word may stand too."""
    words = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}
    return words.get(value.lower(), value) if isinstance(value, str) else value


Number = Annotated[float, BeforeValidator(_no_truth)]
"""Finite, and no truth: ``true`` is not 1."""
Whole = Annotated[int, BeforeValidator(_no_truth)]
Positive = Annotated[Number, Field(gt=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
Word = Annotated[str, AfterValidator(_not_empty)]
"""A name, a path, an address: something."""


class Section(BaseModel):
    """Base of every section: frozen, unknown keys fail, and the text below a key says what it means."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

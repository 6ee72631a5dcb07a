"""Pages of an earlier version beside today's: keys are only ever added."""

from typing import Any


def without_new_keys(page: Any, before: Any) -> Any:
    """The page with the keys that it had before, at every depth; their order and values stay as they are."""
    match page, before:
        case dict(), dict():
            return {key: without_new_keys(page[key], before[key]) for key in page if key in before}
        case list(), list() if len(page) == len(before):
            return [without_new_keys(one, other) for one, other in zip(page, before, strict=True)]
        case _:
            return page

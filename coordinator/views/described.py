"""How a field of a page says what it is: that goes into the page's JSON Schema."""

from msgspec import Meta


def says(description: str) -> Meta:
    """What a field holds, with its unit; beside its type in ``Annotated``."""
    return Meta(description=description)

"""The JSON Schema of the status page."""

from typing import Any

from coordinator.views.status_page import StatusPage


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the page."""
    from msgspec.json import schema

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "autoswarm status --json",
        **schema(StatusPage),
    }

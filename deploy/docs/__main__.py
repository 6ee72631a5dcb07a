"""``python -m deploy.docs``: writes every page and file that is made from the code."""

import json
from pathlib import Path

from coordinator.views.page_schema import json_schema
from deploy.docs import commands, file_table
from deploy.grafana import dashboard
from trainer.process.environment import ROOT


def made() -> dict[Path, str]:
    """Every file that is made, and what it should hold."""
    architecture = ROOT / "docs" / "architecture.md"
    return {
        ROOT / "docs" / "cli.md": commands.page(),
        ROOT / "docs" / "status.schema.json": json.dumps(json_schema(), indent=2) + "\n",
        architecture: file_table.page(architecture.read_text(encoding="utf-8")),
        ROOT / "deploy" / "grafana" / "dashboard.json": dashboard.text(),
    }


def main() -> None:
    """Write what is not up to date."""
    for path, text in made().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

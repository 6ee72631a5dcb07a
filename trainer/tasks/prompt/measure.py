"""The share of hidden cases that the stand-in answers rightly under the prompt, and each case's score.

Cases are drawn by the run's seed and block: none of them is among the visible examples. An answer is right
where it is the wanted text, compared by this program: nothing that a prompt says reaches a judge.
"""

import json
import os
from pathlib import Path

from cases import answer, drawn
from model import reply

NUMBER = 60
VISIBLE = "visible"
"""The seed of examples.jsonl."""


def main():
    """Say the rate, the words of the prompt, and 1 or 0 for each case."""
    prompt = Path("prompt.md").read_text(encoding="utf-8", errors="replace")
    seed = f"{os.environ['AUTOSWARM_SEED']}/{os.environ['AUTOSWARM_BLOCK']}"
    cases = drawn(f"hidden {seed}", NUMBER)
    scores = [int(reply(prompt, case, seed) == answer(case["fields"])) for case in cases]
    report = {"success_rate": sum(scores) / NUMBER, "words": len(prompt.split())}
    report["examples"] = {f"example_{number:02}": score for number, score in enumerate(scores)}
    print(json.dumps(report))


if __name__ == "__main__":
    main()

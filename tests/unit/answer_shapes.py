"""Answers as models send them, beside the edit that is meant: drafts, thoughts, code that is left out.

``DRAFT`` stands for an edit that was considered and dropped, ``FINAL`` for the one that is meant.
"""

from agents.edits.outcome import Fault, Format

PARENT = '''"""A surface with a loop."""

import math
from typing import Protocol

from prepare import TIME_BUDGET, evaluate_bpb

DEPTH = 4  # blocks
BATCH = 16  # rows a step
RATE = 0.1
TOKENS = ("<bos>", "<eos>")


class Sized(Protocol):
    def size(self): ...


class Model:
    def forward(self, x):
        x = x * DEPTH
        x = x + 1
        return math.sqrt(x)


def train(model, optimizers):
    spent = 0.0
    while spent < TIME_BUDGET:
        loss = model.forward(BATCH)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        spent += 1.0
    return model


model = Model()
train(model, [])
evaluate_bpb(model)
'''


def block(search: str, replace: str) -> str:
    """A SEARCH/REPLACE block."""
    return f"<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


def diff(old: str, new: str) -> str:
    """A hunk with its fence."""
    return f"```diff\n--- a/train.py\n+++ b/train.py\n@@ @@\n-{old}\n+{new}\n```\n"


def whole(*pairs: tuple[str, str]) -> str:
    """The whole file in a fence, with plain text replacements."""
    return f"```python\n{changed(*pairs)}```\n"


def changed(*pairs: tuple[str, str]) -> str:
    """The surface with plain text replacements, each of which occurs exactly once."""
    text = PARENT
    for old, new in pairs:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


DEEP, SMALL = (
    ("DEPTH = 4  # blocks", "DEPTH = 8  # blocks"),
    ("BATCH = 16  # rows a step", "BATCH = 8  # rows a step"),
)
DRAFTS = {
    "blocks": block(f"{DEEP[0]}\n", f"{DEEP[1]}\n"),
    "a diff": diff(*DEEP),
    "a bare diff": f"--- a/train.py\n+++ b/train.py\n@@ -9 +9 @@\n-{DEEP[0]}\n+{DEEP[1]}\n",
    "a whole file": whole(DEEP),
    "half a block": f"<<<<<<< SEARCH\n{DEEP[0]}\n=======\n{DEEP[1]}\n",
    "the beginning of a block": f"<<<<<<< SEARCH\n{DEEP[0]}\n",
    "half a diff": f"```diff\n-{DEEP[0]}\n",
    "half a file": whole(DEEP)[:400] + "\n",
    "a snippet": f"```python\n{DEEP[1]}\n```\n",
    "a fence without an end": f"```\n{DEEP[1]}\n",
    "a title": f"TITLE: deeper\nHYPOTHESIS: more\n\n{block(f'{DEEP[0]}{chr(10)}', f'{DEEP[1]}{chr(10)}')}",
    "another file": "prepare.py\n" + block("x = 1\n", "x = 2\n"),
    "words": "DEPTH may be doubled, but that doubles the cost.\n",
    "code with a tag in it": whole(DEEP, ('"<eos>")', '"<eos>", "</think>")')),
}
"""Edits that are dropped."""
TITLE = "TITLE: smaller batch\nHYPOTHESIS: more steps in the same budget\n\n"
FINALS = {
    "blocks": TITLE + block(f"{SMALL[0]}\n", f"{SMALL[1]}\n"),
    "blocks in a fence": f"{TITLE}```python\n{block(f'{SMALL[0]}{chr(10)}', f'{SMALL[1]}{chr(10)}')}```\n",
    "a diff": TITLE + diff(*SMALL),
    "a bare diff": f"{TITLE}--- a/train.py\n+++ b/train.py\n@@ -10 +10 @@\n-{SMALL[0]}\n+{SMALL[1]}\n",
    "a whole file": TITLE + whole(SMALL),
}
"""Edits that are meant: each of them makes one and the same program."""
DRAFT, FINAL = DRAFTS["blocks"], FINALS["blocks"]
BARE = FINAL.removeprefix(TITLE)
RATE = block("RATE = 0.1\n", "RATE = 0.2\n")
STEP = (
    "        for optimizer in optimizers:\n            optimizer.step()\n            optimizer.zero_grad()\n"
)
LOOP = "        loss = model.forward(BATCH)\n        loss.backward()\n" + STEP
FORWARD = "    def forward(self, x):\n        x = x * DEPTH\n        x = x + 1\n        return math.sqrt(x)\n"


def left_out(remark: str) -> str:
    """A block that puts a remark in the place of the optimizer's step."""
    return TITLE + block(
        LOOP, f"        loss = model.forward(2 * BATCH)\n        loss.backward()\n{remark}\n"
    )


def beside(line: str) -> str:
    """A block that changes a constant and adds a line of code or a comment."""
    return TITLE + block("RATE = 0.1\n", f"{line}\nRATE = 0.2\n")


Shape = tuple[str, Format | Fault, str, str]
"""An answer, what comes of it, a text that the new surface has, and one that it must not have."""
ONLY_FINAL = (SMALL[1], DEEP[1])
BLOCKS, DIFF, WHOLE = Format.BLOCKS, Format.DIFF, Format.WHOLE
NONE = ("", "")

THOUGHTS: dict[str, Shape] = {
    "a thought with both tags": (f"<think>\n{DRAFT}No.\n</think>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "a thought behind blank lines": (f"\n\n<think>\n{DRAFT}</think>\n\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "the closing tag alone": (f"{DRAFT}Too slow.\n</think>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "thinking": (f"<thinking>{DRAFT}</thinking>{FINAL}", BLOCKS, *ONLY_FINAL),
    "reasoning": (f"<reasoning>\n{DRAFT}</reasoning>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "thought": (f"<thought>\n{DRAFT}</thought>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "thoughts": (f"<thoughts>\n{DRAFT}</thoughts>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "a scratchpad": (f"<scratchpad>\n{DRAFT}</scratchpad>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "a scratch_pad": (f"<scratch_pad>\n{DRAFT}</scratch_pad>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "a reflection": (f"<reflection>\n{DRAFT}</reflection>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "an inner monologue": (f"<inner_monologue>\n{DRAFT}</inner_monologue>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "an analysis": (f"<analysis>\n{DRAFT}</analysis>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "seed:think": (f"<seed:think>\n{DRAFT}</seed:think>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "an attribute": (f"<think budget=\"4096\" v='a>b'>\n{DRAFT}</think>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "upper case": (f"<THINK>\n{DRAFT}</THINK>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "blanks in the tags": (f"< think >\n{DRAFT}< / think >\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "indented tags": (f"   <think>\n{DRAFT}   </think>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "square brackets": (f"[THINK]\n{DRAFT}[/THINK]\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "braces": (f"{{think}}\n{DRAFT}{{/think}}\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "brackets of chinese": (f"【思考】\n{DRAFT}【/思考】\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "an end in chinese words": (f"【思考】\n{DRAFT}【思考结束】\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "braces without an end": (f"{{think}}\n{DRAFT}", Fault.TRUNCATED, *NONE),
    "brackets of chinese without an end": (f"【思考】\n{DRAFT}", Fault.TRUNCATED, *NONE),
    "triangles": (f"◁think▷\n{DRAFT}◁/think▷\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "begin_of_thought": (
        f"<|begin_of_thought|>\n{DRAFT}<|end_of_thought|>\n<|begin_of_solution|>\n{FINAL}<|end_of_solution|>\n",
        BLOCKS,
        *ONLY_FINAL,
    ),
    "START_THINKING": (
        f"<|START_THINKING|>{DRAFT}<|END_THINKING|><|START_RESPONSE|>{FINAL}<|END_RESPONSE|>",
        BLOCKS,
        *ONLY_FINAL,
    ),
    "channels": (
        f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant"
        f"<|channel|>final<|message|>{FINAL}<|return|>",
        BLOCKS,
        *ONLY_FINAL,
    ),
    "channels of another template": (f"<|channel>thought\n{DRAFT}<channel|>{FINAL}", BLOCKS, *ONLY_FINAL),
    "channels whose signs are lost": (
        f"analysisWe could go deeper.\n{DRAFT}Slow.assistantfinal{FINAL}",
        BLOCKS,
        *ONLY_FINAL,
    ),
    "a fence of thoughts": (f"```thinking\n{DRAFT}```\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "a thought in a thought": (
        f"<think>\n<think>\n{DRAFT}</think>\n{DRAFT}</think>\n{FINAL}",
        BLOCKS,
        *ONLY_FINAL,
    ),
    "two thoughts": (f"<think>a</think>\n{DRAFT}<think>\nSlow.\n</think>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "two closing tags": (f"{DRAFT}</think>\n{DRAFT}</think>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "tags of two names": (f"<reasoning>\n{DRAFT}</think>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "an answer on the line of the tag": (f"<think>{DRAFT}</think>{FINAL}", BLOCKS, *ONLY_FINAL),
    "an empty thought": (f"<think></think>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "a tag that is empty in itself": (f"<think/>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "a thought and a whole file": (f"<think>\n{whole(DEEP)}</think>\n{whole(SMALL)}", WHOLE, *ONLY_FINAL),
    "a thought and a bare file": (f"<think>\nhm\n</think>\n{changed(SMALL)}", WHOLE, *ONLY_FINAL),
    "a thought without an end": (f"<think>\n{DRAFT}That is slow.\n", Fault.TRUNCATED, *NONE),
    "a thought without an end behind blanks": (f"\n  <Think>\n{DRAFT}", Fault.TRUNCATED, *NONE),
    "a thought without an end in a channel": (
        f"<|channel|>analysis<|message|>{DRAFT}",
        Fault.TRUNCATED,
        *NONE,
    ),
    "a second thought without an end": (
        f"<think>a</think>\n{DRAFT}<think>\nNo, {DRAFT}",
        Fault.TRUNCATED,
        *NONE,
    ),
    "an inner thought ends, the outer does not": (
        f"<think>\n<reflection>no</reflection>\n{DRAFT}",
        Fault.TRUNCATED,
        *NONE,
    ),
    "a thought without an end before a whole file": (f"<think>\n{whole(DEEP)}", Fault.TRUNCATED, *NONE),
    "a thought without an end before a diff": (f"<reasoning>{DRAFTS['a diff']}", Fault.TRUNCATED, *NONE),
    **{
        f"a tag {tag} without an end": (f"{tag}\n{DRAFT}That is slow.\n", Fault.TRUNCATED, *NONE)
        for tag in (
            "<notes>",
            "<my_thoughts>",
            "<pondering level='2'>",
            "<思考>",
            "[THOUGHTS]",
            "~~~thinking",
        )
    },
    "a fence of a thinking process": (f"```thinking process\n{DRAFT}```\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "an answer's tag without an end": (f"<answer>\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "nothing behind a thought": (f"<think>\n{DRAFT}</think>\n", Fault.NO_EDIT, *NONE),
    "words behind a thought": (f"<think>\n{DRAFT}</think>\nI make it deeper.\n", Fault.NO_EDIT, *NONE),
    "an edit before a thought that takes it back": (f"{DRAFT}<think>no</think>\n", Fault.NO_EDIT, *NONE),
}
MARKS = '("<bos>", "<think>", "</think>")'
PROMPT = 'PROMPT = """\n<think>\n{}\n</think>\n"""\n'
TAGS_IN_CODE: dict[str, Shape] = {
    "tokens in a block": (
        TITLE + block('TOKENS = ("<bos>", "<eos>")\n', f"TOKENS = {MARKS}\n"),
        BLOCKS,
        MARKS,
        "<eos>",
    ),
    "an opening token only": (
        TITLE + block('TOKENS = ("<bos>", "<eos>")\n', 'TOKENS = ("<think>",)\n'),
        BLOCKS,
        '("<think>",)',
        "<eos>",
    ),
    "tags on lines of their own in a block": (
        TITLE + block("RATE = 0.1\n", f"RATE = 0.2\n{PROMPT}"),
        BLOCKS,
        PROMPT,
        "0.1",
    ),
    "a closing tag on a line in a block": (
        TITLE + block("RATE = 0.1\n", 'RATE = 0.2\nEND = """\n</think>\n"""\n'),
        BLOCKS,
        "</think>",
        "0.1",
    ),
    "tokens in a diff": (
        TITLE + diff('TOKENS = ("<bos>", "<eos>")', f"TOKENS = {MARKS}"),
        DIFF,
        MARKS,
        "<eos>",
    ),
    "tags on lines of their own in a diff": (
        f'{TITLE}```diff\n@@ @@\n-RATE = 0.1\n+P = """\n+<think>\n+</think>\n+"""\n+RATE = 0.2\n```\n',
        DIFF,
        '"""\n<think>\n</think>\n',
        "0.1",
    ),
    "tokens in a whole file": (TITLE + whole(('("<bos>", "<eos>")', MARKS)), WHOLE, MARKS, "<eos>"),
    "tags on lines of their own in a whole file": (
        TITLE + whole(("RATE = 0.1\n", PROMPT)),
        WHOLE,
        PROMPT,
        "0.1",
    ),
    "tokens in a bare file": (changed(('("<bos>", "<eos>")', MARKS)), WHOLE, MARKS, "<eos>"),
    "tags in a bare file": (changed(("RATE = 0.1\n", PROMPT)), WHOLE, PROMPT, "0.1"),
    "a thought, then tags in a bare file": (
        f"<think>\n{DRAFT}</think>\n{changed(('RATE = 0.1' + chr(10), PROMPT))}",
        WHOLE,
        PROMPT,
        DEEP[1],
    ),
    "a thought about tags, then tags in a block": (
        f"<think>\nThe token `</think>` may help.\n{DRAFT}</think>\n"
        + TITLE
        + block("RATE = 0.1\n", f"RATE = 0.2\n{PROMPT}"),
        BLOCKS,
        PROMPT,
        DEEP[1],
    ),
    "a draft with tags in it, then the edit": (
        f"{DRAFTS['code with a tag in it']}</think>\n{FINAL}",
        BLOCKS,
        *ONLY_FINAL,
    ),
    "a tag in a comment": (beside("# between <think> and </think> nothing is learnt"), BLOCKS, "0.2", "0.1"),
    "a tag in quotes in words": (f'TITLE: the token "<think>"\n\n{BARE}', BLOCKS, *ONLY_FINAL),
    "a tag as code in words": (f"{FINAL}\nThe token `</think>` stays as it is.\n", BLOCKS, *ONLY_FINAL),
    "a piece of a file about tags": ('```python\nEND = "</think>"\n```\n', Fault.SNIPPET, *NONE),
}
LABELS = {
    "nothing": "",
    "a blank line": "\n",
    "a heading": "\n### The rate\n\n",
    "a bold line": "\n**Then the rate**\n\n",
    "a colon": "\nThe rate:\n\n",
    "a number": "\n2. Raise the rate.\n\n",
    "the file": "\n`train.py`\n\n",
    "a rule": "\n---\n\n",
    "words that lead on": "\nThen raise the rate accordingly.\n\n",
    "a bullet": "\n- the rate\n\n",
    "fences": "```\n\n```python\n",
    "a step": "Step 2: the rate\n",
    "also": "Also update the rate to match:\n",
    "we also need": "We also need to raise the rate.\n",
    "I update": "I update the rate.\n",
    "two lines": "### 2. Rate\n\nRaise the rate to 0.2.\n",
    "a bold label": "**Change 2:** rate\n",
    "a labelled file": "File: train.py\n",
    "tags of edits": "</edit>\n<edit>\n",
    "and": "and\n",
}
"""What may stand between two blocks of one edit."""
DOUBTS = (
    "That doubles the cost of a step.",
    "Now that doubles the cost of a step.",
    "At 8 blocks a step costs twice as much.",
    "That is slow, so I take the batch:",
    "- it doubles the cost",
    "But the batch matters more:",
    "Next, remove the gate and drop this line:",
    "I drop it from the decay, too.",
    "I skip it in the decay group.",
    "Instead of the rate, the batch:",
    "Actually, we also need this:",
    "Oops, I also need the import:",
    "On second thought, the batch also changes.",
    "The final change:",
    "The actual change is in the loop:",
    "Corrected version:",
    "Second idea:",
    "A better one:",
    "Option 2:",
    "Try this:",
    "Change of plan:",
    "Replace the block above with this:",
    "Replace it with:",
    "Set that aside.",
    "Remove that.",
    "Update to:",
    "Use this:",
    "Then again:",
    "In the end, this:",
    "Only the batch:",
    "Without the depth:",
    "### Take 2",
    "### v2",
    "### Plan B",
    "Block 1 (again):",
    "- Hold on",
    "- keep DEPTH at 4",
    "- ❌",
    "<answer>",
    "</details>",
    "Hm.",
    "Das ist besser:",
    "C'est trop lent.",
    "更好的方案是减小批量。",
    "~~no~~",
    "```python\nx = 1\n```",
)
"""What may stand between a draft and an edit, and between two parts of one edit: nobody can say."""
DROPS = (
    "That doubles the cost of a step, so I drop it and take the batch.",
    "I discard this idea.",
    "Let me drop that: too slow.",
    "Never mind.",
    "Scratch that.",
    "I changed my mind.",
    "On second thought, the batch.",
    "Let me start over.",
    "I'll drop it in favour of the batch.",
    "My answer:",
    "Here is my final answer:",
)
"""What drops the one block before it."""
RUNS: dict[str, Shape] = {
    **{f"a doubt: {gap}": (f"{DRAFT}{gap}\n{BARE}", Fault.AMBIGUOUS, *NONE) for gap in DOUBTS},
    **{f"dropped: {gap}": (f"{DRAFT}{gap}\n{BARE}", BLOCKS, *ONLY_FINAL) for gap in DROPS},
    "a draft, dropped in words": (
        f"First:\n{DRAFT}That is slow, so I drop it.\n\n{BARE}",
        BLOCKS,
        *ONLY_FINAL,
    ),
    "a draft, dropped, and a title": (
        f"{DRAFT}That is slow, so I drop it.\n\n{FINAL}",
        Fault.AMBIGUOUS,
        *NONE,
    ),
    "a draft, then the final answer": (f"{DRAFT}\nFinal answer:\n\n{BARE}", BLOCKS, *ONLY_FINAL),
    "two drafts, then my experiment": (
        f"{DRAFT}Slow.\n{RATE}\nMy experiment:\n{BARE}",
        BLOCKS,
        SMALL[1],
        "0.2",
    ),
    "a draft, then the final edit": (f"{DRAFT}\nFinal edit:\n\n{BARE}", Fault.AMBIGUOUS, *NONE),
    "a draft, then on second thought": (
        f"{DRAFT}\nOn second thought, the batch.\n{BARE}",
        BLOCKS,
        *ONLY_FINAL,
    ),
    "a draft, then wait": (f"{DRAFT}\nWait, that is slow.\n\n{BARE}", Fault.AMBIGUOUS, *NONE),
    "a draft, then actually": (
        f"{DRAFT}\nActually, the batch matters more.\n{BARE}",
        Fault.AMBIGUOUS,
        *NONE,
    ),
    "a draft as a file, dropped": (f"{whole(DEEP)}Never mind that.\n{BARE}", BLOCKS, *ONLY_FINAL),
    "a draft as a diff, dropped": (f"{diff(*DEEP)}I discard this idea.\n{BARE}", BLOCKS, *ONLY_FINAL),
    "a draft in blocks, the edit as a diff": (f"{DRAFT}Scratch that.\n{diff(*SMALL)}", DIFF, *ONLY_FINAL),
    "a draft in blocks, the edit as a file": (f"{DRAFT}Scratch that.\n{whole(SMALL)}", WHOLE, *ONLY_FINAL),
    "two blocks, of which something is dropped": (
        f"{DRAFT}{RATE}I drop it.\n{BARE}",
        Fault.AMBIGUOUS,
        *NONE,
    ),
    "a draft and a sentence": (f"{DRAFT}That doubles the cost of a step.\n\n{BARE}", Fault.AMBIGUOUS, *NONE),
    "a draft and a sentence in another language": (
        f"{DRAFT}Das verdoppelt die Kosten, also lasse ich es.\n\n{BARE}",
        Fault.AMBIGUOUS,
        *NONE,
    ),
    "two options": (f"Option A:\n{DRAFT}\nOption B:\n{BARE}", Fault.AMBIGUOUS, *NONE),
    "two alternatives": (f"{DRAFT}\nAlternatively:\n{BARE}", Fault.AMBIGUOUS, *NONE),
    "one or the other": (f"{DRAFT}or\n{BARE}", Fault.AMBIGUOUS, *NONE),
    "blocks before and behind a title": (f"{DRAFT}\n{FINAL}", Fault.AMBIGUOUS, *NONE),
    "two experiments": (f"TITLE: deeper\n{DRAFT}\n**TITLE:** smaller\n{BARE}", Fault.AMBIGUOUS, *NONE),
    "diffs before and behind a title": (f"{diff(*DEEP)}\n{FINALS['a diff']}", Fault.AMBIGUOUS, *NONE),
    "files before and behind a title": (f"{whole(DEEP)}\n{FINALS['a whole file']}", Fault.AMBIGUOUS, *NONE),
    "a block behind a hypothesis": (f"{DRAFT}HYPOTHESIS: it may be slow\n{BARE}", Fault.AMBIGUOUS, *NONE),
    "a draft that is the edit": (f"{BARE}\nThis is what I send.\n\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "a title behind the edit": (f"{BARE}\nTITLE: smaller batch\n", BLOCKS, *ONLY_FINAL),
    "an edit that is taken back": (f"{FINAL}\nThat is too slow; I drop it.\n", Fault.AMBIGUOUS, *NONE),
    "an edit that is taken back at once": (f"{FINAL}\nNever mind.\n", Fault.AMBIGUOUS, *NONE),
    "an edit with a plan behind it": (
        f"{FINAL}\nIf it is worse, I drop it next time.\n",
        BLOCKS,
        *ONLY_FINAL,
    ),
    "an edit and what it does": (f"{FINAL}\nThis halves the batch. It costs nothing.\n", BLOCKS, *ONLY_FINAL),
    "blocks and a diff in a fence without a head": (
        f"{BARE}\n```diff\n-{DEEP[0]}\n+{DEEP[1]}\n```\n",
        Fault.AMBIGUOUS,
        *NONE,
    ),
    "a diff and a whole file": (f"{diff(*SMALL)}\n{whole(DEEP)}", Fault.AMBIGUOUS, *NONE),
    "two diffs in fences": (
        f"{diff(*SMALL)}Then the rate:\n{diff('RATE = 0.1', 'RATE = 0.2')}",
        DIFF,
        "RATE = 0.2",
        SMALL[0],
    ),
    "two diffs, one without a fence": (
        f"{diff(*SMALL)}@@ -11 +11 @@\n-RATE = 0.1\n+RATE = 0.2\n",
        DIFF,
        "RATE = 0.2",
        SMALL[0],
    ),
    **{
        f"two blocks and {name}": (
            f"{TITLE}```\n{BARE}{gap}{RATE}```\n" if name == "fences" else f"{FINAL}{gap}{RATE}",
            BLOCKS,
            "RATE = 0.2",
            SMALL[0],
        )
        for name, gap in LABELS.items()
    },
}
REMARKS = (
    "        # ... rest of the loop stays the same ...",
    "        # rest unchanged",
    "        # existing code",
    "        # ... existing code ...",
    "        # same as before",
    "        # (unchanged)",
    "        # // ...",
    "        ...",
    "        …",
    "        # ...",
    "        # …",
    "        # [...]",
    "        # <snip>",
    "        # etc.",
    "        # remaining code here",
    "        # keep the existing optimizer loop",
    "        # optimizer step as before",
    "        # code omitted for brevity",
    "        # everything else stays the same",
    "        # lines 30-33 unchanged",
    "        # step the optimizers ...",
    "        # previous implementation",
    "        pass  # TODO rest",
    "        pass  # ... rest of loop",
    "        # TODO: restore the rest",
    "        '... existing code ...'",
    "        # ... Rest der Schleife bleibt gleich",
    "        # Rest unverändert",
    "        # le reste est inchangé",
    "        # resto del código igual",
    "        # o resto do código",
    "        # остальной код без изменений",
    "        # 其余代码不变",
    "        # 省略",
    "        # 変更なし",
    "        # 나머지 코드는 동일",
    "        // ... rest of the loop",
    "        /* unchanged */",
    "        <!-- existing code -->",
    "        (rest of the loop unchanged)",
    "        [...]",
    "        step(...)",
    "        optimizer = [1, ...]",
    "        . . .",
    "        # your code here",
    "        # and so on",
    "        # -- same as above --",
    "        # Optimizer-Schritt bleibt gleich",
    "        # optimizer step unchanged",
    "        # optimizer step",
    "        # the usual optimizer steps",
    "        # existing steps",
    "        # same as parent",
    "        # see original",
    "        # more code",
    "        # continued",
    "        # -----",
    "        # ‥",
    "        # 以下略",
    "        # 原代码",
    "        # wie im Original",
    "        # le même code",
    "        # то же самое",
    "        pass  # optimizer step",
    "        assert ...",
    "        value: int = ...",
)
"""Lines that stand for the step of the optimizer."""
LEFT_OUT: dict[str, Shape] = {
    **{f"a block with {remark.strip()}": (left_out(remark), Fault.SNIPPET, *NONE) for remark in REMARKS},
    "a comment and dots below it": (
        left_out("        # the step\n        # ... as before ..."),
        Fault.SNIPPET,
        *NONE,
    ),
    "a docstring of dots": (
        block(FORWARD, '    def forward(self, x):\n        """..."""\n        return x\n'),
        Fault.SNIPPET,
        *NONE,
    ),
    "a diff with a placeholder": (
        f"{TITLE}```diff\n@@ @@\n-        loss.backward()\n"
        + "".join(f"-{line}\n" for line in STEP.splitlines())
        + "+        # ... existing code ...\n```\n",
        Fault.SNIPPET,
        *NONE,
    ),
    "a diff with an ellipsis": (
        "```diff\n@@ @@\n-        loss.backward()\n+        ...\n```\n",
        Fault.SNIPPET,
        *NONE,
    ),
    "a whole file with a placeholder": (
        whole((STEP, "        # ... optimizer step ...\n")),
        Fault.SNIPPET,
        *NONE,
    ),
    "a whole file with an ellipsis": (whole((STEP, "        ...\n")), Fault.SNIPPET, *NONE),
    "a bare file with a placeholder": (changed((STEP, "        # same as before\n")), Fault.SNIPPET, *NONE),
    "a body that is an ellipsis": (
        block(FORWARD, "    def forward(self, x):\n        ...\n"),
        Fault.SNIPPET,
        *NONE,
    ),
    "a body that is a remark": (
        block(FORWARD, "    def forward(self, x):\n        pass  # unchanged\n"),
        Fault.SNIPPET,
        *NONE,
    ),
    "a return of an ellipsis": (
        block("        return math.sqrt(x)\n", "        return ...\n"),
        Fault.SNIPPET,
        *NONE,
    ),
    "a value that is an ellipsis": (block("RATE = 0.1\n", "RATE = ...\n"), Fault.SNIPPET, *NONE),
    "a placeholder where nothing is gone": (beside("# ... rest of the constants ..."), Fault.SNIPPET, *NONE),
    "a placeholder in SEARCH": (
        block(f"{DEEP[0]}\n...\nRATE = 0.1\n", f"{DEEP[1]}\n...\nRATE = 0.1\n"),
        Fault.NOT_FOUND,
        *NONE,
    ),
    "a placeholder as context": (
        "```diff\n@@ @@\n # ... existing code ...\n-RATE = 0.1\n+RATE = 0.2\n```\n",
        Fault.NOT_FOUND,
        *NONE,
    ),
}
HONEST: dict[str, Shape] = {
    name: (beside(line), BLOCKS, "RATE = 0.2", "RATE = 0.1")
    for name, line in {
        "a protocol's stub on a line": "class Named(Protocol):\n    def name(self): ...",
        "a protocol's stub with a text": (
            'class Named(Protocol):\n    def name(self):\n        """A name."""\n        ...'
        ),
        "an index": "def last(x):\n    return x[..., 0]",
        "an index over lines": "def last(x):\n    return x[\n        ...,\n        0,\n    ]",
        "a type": "SHAPE: tuple[int, ...] = (1, 2)",
        "a default": "def part(x, at=...):\n    return x if at is ... else x[at]",
        "a comment with dots in a sentence": "# warm up, then ... hold, then decay",
        "a comment that ends in dots": "# and now we wait...",
        "a text with dots": 'NOTE = "... rest unchanged"',
        "a text over lines": 'NOTE = """\n# ... existing code ...\n...\n"""',
        "a comment about the rest": "# the rest of the budget is for evaluation",
        "a comment about what exists": "# the existing rate was 0.1; twice that is known to be stable",
        "a comment on the same": "# same as in the paper: twice the width",
        "a comment behind code": "WIDTH = 3  # unchanged",
        "a todo": "# TODO: tune this",
        "a comment about others": "# other parameters take Adam's rate",
        "a rule of dots": "# " + "." * 2 + " model " + "." * 2,
        "a comment about code": "# the code below is slow on a CPU",
        "a comment that goes on behind a blank": "# the first half warms up\n# ... and the second cools down",
        "an output": "math.floor(1.5, out=...) if DEPTH < 0 else None",
        "a docstring": 'def more():\n    """The same."""\n    return 1',
        "a comment that goes on": "# the first half warms up\n# ...and the second cools down",
        "an empty class": "class Stop(Exception): ...",
        "a heading": "# training loop",
    }.items()
}
HONEST |= {
    f"code that gives way to {remark}": (
        TITLE + block("        x = x * DEPTH\n        x = x + 1\n", f"        {remark}\n"),
        BLOCKS,
        remark,
        "x + 1",
    )
    for remark in ("# no scale: it hurt", "# x is used as it comes in", "# scale moved to the head")
}
HONEST |= {
    "fewer lines under a heading": (
        TITLE + block(LOOP, "        # one step\n        model.forward(BATCH).backward()\n" + STEP),
        BLOCKS,
        "# one step",
        "loss.backward()",
    ),
    "code that is deleted": (TITLE + block("        x = x + 1\n", ""), BLOCKS, "x * DEPTH", "x + 1"),
    "code that is deleted, with a reason": (
        TITLE
        + block("        x = x * DEPTH\n        x = x + 1\n", "        x = x + 2  # no scale: it hurt\n"),
        BLOCKS,
        "x + 2",
        "x * DEPTH",
    ),
    "a method that is emptied": (
        TITLE + block(STEP, "        pass\n"),
        BLOCKS,
        "        pass\n",
        "optimizer.step",
    ),
}

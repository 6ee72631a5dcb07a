"""Answers of strange models: mixtures, other formats, other letters. What is in doubt is sent back."""

from agents.edits.outcome import Fault
from tests.unit.answer_shapes import (
    BARE,
    BLOCKS,
    DEEP,
    DIFF,
    DRAFT,
    FINAL,
    MARKS,
    NONE,
    ONLY_FINAL,
    PARENT,
    RATE,
    SMALL,
    TITLE,
    WHOLE,
    Shape,
    block,
    changed,
    diff,
    whole,
)

HUNK = f"@@ @@\n-{SMALL[0]}\n+{SMALL[1]}\n"
PATCH = f"*** Begin Patch\n*** Update File: train.py\n{HUNK}*** End Patch\n"
BOTH = (BLOCKS, "RATE = 0.2", SMALL[0])


def indented(text: str, by: str) -> str:
    """Every line with ``by`` before it."""
    return "".join(f"{by}{line}\n" for line in text.splitlines())


MARKERS: dict[str, Shape] = {
    "markers as bullets": (TITLE + BARE.replace("<<<", "- <<<"), Fault.MALFORMED, *NONE),
    "a bullet before each marker": (
        TITLE + BARE.replace("<<<<<<<", "- <<<<<<<").replace(">>>>>>>", "- >>>>>>>"),
        Fault.MALFORMED,
        *NONE,
    ),
    "a quotation": (TITLE + indented(BARE, "> "), Fault.MALFORMED, *NONE),
    "a list": (f"{TITLE}1. The batch:\n\n{indented(BARE, '   ')}", BLOCKS, *ONLY_FINAL),
    "escaped for a web page": (
        TITLE + BARE.replace("<", "&lt;").replace(">", "&gt;"),
        Fault.MALFORMED,
        *NONE,
    ),
    "wide letters": (TITLE + BARE.replace("<", "＜").replace(">", "＞"), Fault.MALFORMED, *NONE),
    "markers too short": (TITLE + BARE.replace("<<<<<<<", "<<<<"), Fault.MALFORMED, *NONE),
    "markers too long": (TITLE + BARE.replace("<<<<<<<", "<<<<<<<<<<"), Fault.MALFORMED, *NONE),
    "markers of minus and plus": (
        TITLE + BARE.replace("<<<<<<<", "-------").replace(">>>>>>>", "+++++++"),
        Fault.MALFORMED,
        *NONE,
    ),
    "one good block beside one that would be overlooked": (
        f"{FINAL}\n- {RATE.replace('>>>>>>>', '* >>>>>>>')}",
        Fault.MALFORMED,
        *NONE,
    ),
    "one block in a quotation": (FINAL + indented(RATE, "> "), Fault.MALFORMED, *NONE),
    "letters without width before markers": (
        FINAL + RATE.replace("<<<<<<<", "\u200b<<<<<<<").replace(">>>>>>>", "\ufeff>>>>>>>"),
        *BOTH,
    ),
    "a letter without width before the divider": (
        FINAL.replace("=======", "\u200b======="),
        BLOCKS,
        *ONLY_FINAL,
    ),
    "a byte order mark": ("\ufeff" + BARE, BLOCKS, *ONLY_FINAL),
    "a byte order mark before a file": ("\ufeff" + changed(SMALL), WHOLE, *ONLY_FINAL),
    "ends of lines of two kinds": (FINAL.replace("=======\n", "=======\r\n"), BLOCKS, *ONLY_FINAL),
    "markers in lower case": (
        FINAL.replace("SEARCH", "search").replace("REPLACE", "replace"),
        BLOCKS,
        *ONLY_FINAL,
    ),
    "an arrow for a divider": (FINAL.replace("=======", "------>"), Fault.MALFORMED, *NONE),
    "the names of a merge": (
        BARE.replace("SEARCH", "HEAD").replace("REPLACE", "mine"),
        Fault.NO_EDIT,
        *NONE,
    ),
    "a tag that fell into a block": (
        TITLE + block(f"{SMALL[0]}\n", f"{SMALL[1]}\n</think>\n"),
        Fault.DOES_NOT_COMPILE,
        *NONE,
    ),
    "a wide blank as indentation": (
        block("        x = x + 1\n", "\u00a0       x = x + 2\n"),
        Fault.DOES_NOT_COMPILE,
        *NONE,
    ),
    "a letter without width in code": (
        block("RATE = 0.1\n", "RA\u200bTE = 0.2\n"),
        Fault.DOES_NOT_COMPILE,
        *NONE,
    ),
    "typographer's quotes": (
        block("RATE = 0.1\n", "RATE = 0.2\nNAME = “x”\n"),
        Fault.DOES_NOT_COMPILE,
        *NONE,
    ),
    "numbers of lines": (block(f"10| {SMALL[0]}\n", f"10| {SMALL[1]}\n"), Fault.NOT_FOUND, *NONE),
    "the whole file in SEARCH": (block(PARENT, changed(SMALL)), BLOCKS, *ONLY_FINAL),
    "a fence in REPLACE alone": (
        block(f"{SMALL[0]}\n", f"```python\n{SMALL[1]}\n```\n"),
        Fault.DOES_NOT_COMPILE,
        *NONE,
    ),
}
WRAPPED: dict[str, Shape] = {
    "an answer in tags": (f"<answer>\n{FINAL}</answer>\n", BLOCKS, *ONLY_FINAL),
    "a thought and an answer in tags": (
        f"<think>\n{DRAFT}</think>\n<answer>\n{FINAL}</answer>\n",
        BLOCKS,
        *ONLY_FINAL,
    ),
    "a draft before an answer in tags": (f"{DRAFT}<answer>\n{BARE}</answer>\n", Fault.AMBIGUOUS, *NONE),
    "a draft in a comment of a page": (f"<!--\n{DRAFT}-->\n{BARE}", Fault.AMBIGUOUS, *NONE),
    "an edit in a comment of a page": (f"<!--\n{DRAFT}-->\n", Fault.AMBIGUOUS, *NONE),
    "code beside the blocks": (
        f"{FINAL}\nAlso add this:\n\n```python\ndef more(x):\n    return x\n```\n",
        Fault.SNIPPET,
        *NONE,
    ),
    "code beside a diff": (
        f"{diff(*SMALL)}\nand\n\n```python\nRATE = 0.3\n```\n",
        Fault.SNIPPET,
        *NONE,
    ),
    "what it was and what it is, beside the blocks": (
        f"{TITLE}It was:\n```python\n{SMALL[0]}\n```\n{BARE}\nNow:\n```python\n...\n{SMALL[1]}\n```\n",
        BLOCKS,
        *ONLY_FINAL,
    ),
    "code before the title": (f"```python\n{DEEP[1]}\n```\nToo slow.\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "a command beside the blocks": (f"{FINAL}\n```bash\npython train.py\n```\n", BLOCKS, *ONLY_FINAL),
    "a draft that folds away": (
        f"<details><summary>Draft</summary>\n{DRAFT}</details>\n{BARE}",
        Fault.AMBIGUOUS,
        *NONE,
    ),
    "a fence around all of it": (f"```\n<think>\n{DRAFT}</think>\n{FINAL}```\n", BLOCKS, *ONLY_FINAL),
    "a longer fence around fences": (
        f"````markdown\n{TITLE}```python\n{BARE}```\n````\n",
        BLOCKS,
        *ONLY_FINAL,
    ),
    "waves for a fence": (f"~~~python\n{changed(SMALL)}~~~\n", WHOLE, *ONLY_FINAL),
    "a file in a fence of its name": (f"```python:train.py\n{changed(SMALL)}```\n", WHOLE, *ONLY_FINAL),
    "a file without a fence behind words": (f"Here it is.\n{changed(SMALL)}", Fault.NO_EDIT, *NONE),
    "a file in tags": (f'<file name="train.py">\n{changed(SMALL)}</file>\n', Fault.NO_EDIT, *NONE),
    "one file twice": (whole(SMALL) * 2, WHOLE, *ONLY_FINAL),
    "bold tags": (f"**<think>**\n{DRAFT}**</think>**\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "a tag escaped for a web page": (
        f"&lt;think&gt;\n{DRAFT}&lt;/think&gt;\n{FINAL}",
        Fault.AMBIGUOUS,
        *NONE,
    ),
    "half a closing tag": (f"<think>\n{DRAFT}</think\n{FINAL}", Fault.TRUNCATED, *NONE),
    "two opening tags": (f"<think>\n{DRAFT}<think>\n{FINAL}", Fault.TRUNCATED, *NONE),
    "a closing tag behind it all": (f"{FINAL}</think>\n", Fault.NO_EDIT, *NONE),
    "a tag with a letter without width": (
        f"<\u200bthink>\n{DRAFT}</\u200bthink>\n{FINAL}",
        BLOCKS,
        *ONLY_FINAL,
    ),
    "a thought about a thought": (
        f'<think>\nShould "</think>" be a token?\n{DRAFT}</think>\n{FINAL}',
        BLOCKS,
        *ONLY_FINAL,
    ),
    "a sign of a template behind a fence": (f"{TITLE}```python\n{BARE}```<|im_end|>", BLOCKS, *ONLY_FINAL),
    "a sign of a template behind a file": (f"{whole(SMALL).rstrip()}<|return|>", WHOLE, *ONLY_FINAL),
    "json": ('{"title": "x", "edit": "<<<<<<< SEARCH\\nBATCH = 16"}\n', Fault.NO_EDIT, *NONE),
    "json in a fence": (
        '```json\n{"old_string": "RATE = 0.1", "new_string": "RATE = 0.2"}\n```\n',
        Fault.NO_EDIT,
        *NONE,
    ),
    "a call of a tool": (
        '<invoke name="edit"><parameter name="old">RATE = 0.1</parameter></invoke>\n',
        Fault.NO_EDIT,
        *NONE,
    ),
    "escaped ends of lines": (BARE.replace("\n", "\\n"), Fault.TRUNCATED, *NONE),
    "a program that edits": (
        '```python\ntext = open("train.py").read().replace("16", "8")\n```\n',
        Fault.SNIPPET,
        *NONE,
    ),
    "a command": ("```bash\nsed -i 's/BATCH = 16/BATCH = 8/' train.py\n```\n", Fault.NO_EDIT, *NONE),
    "tokens in a draft and in the edit": (
        f"<think>\n{block('RATE = 0.1' + chr(10), f'TOKENS = {MARKS}' + chr(10))}</think>\n{FINAL}",
        BLOCKS,
        *ONLY_FINAL,
    ),
}
DIFFS: dict[str, Shape] = {
    "a patch": (TITLE + PATCH, DIFF, *ONLY_FINAL),
    "a patch in a fence": (f"{TITLE}```\n{PATCH}```\n", DIFF, *ONLY_FINAL),
    "a patch without a hunk's line": (TITLE + PATCH.replace("@@ @@\n", ""), DIFF, *ONLY_FINAL),
    "a patch with a place": (TITLE + PATCH.replace("@@ @@", "@@ class Model"), DIFF, *ONLY_FINAL),
    "a patch of another file": (PATCH.replace("train.py", "prepare.py"), Fault.OUTSIDE_SURFACE, *NONE),
    "a patch of two files": (
        PATCH + PATCH.replace("train.py", "prepare.py"),
        Fault.OUTSIDE_SURFACE,
        *NONE,
    ),
    "a patch that deletes": ("*** Begin Patch\n*** Delete File: train.py\n", Fault.OUTSIDE_SURFACE, *NONE),
    "a patch that adds": ("*** Add File: new.py\n+x = 1\n", Fault.OUTSIDE_SURFACE, *NONE),
    "a patch that moves": (
        PATCH.replace("@@ @@", "*** Move to: other.py\n@@ @@"),
        Fault.OUTSIDE_SURFACE,
        *NONE,
    ),
    "heads of git": (
        f"diff --git a/train.py b/train.py\nindex 12..34 100644\n--- a/train.py\n+++ b/train.py\n{HUNK}",
        DIFF,
        *ONLY_FINAL,
    ),
    "heads with times": (f"--- train.py\t2026-01-01\n+++ train.py\t2026-01-02\n{HUNK}", DIFF, *ONLY_FINAL),
    "heads and no hunk's line": (
        f"--- a/train.py\n+++ b/train.py\n-{SMALL[0]}\n+{SMALL[1]}\n",
        DIFF,
        *ONLY_FINAL,
    ),
    "a head that renames": (f"--- a/train.py\n+++ b/other.py\n{HUNK}", Fault.OUTSIDE_SURFACE, *NONE),
    "a diff in a fence of python": (f"```python\n{HUNK}```\n", DIFF, *ONLY_FINAL),
    "a diff with carriage returns": (diff(*SMALL).replace("\n", "\r\n"), DIFF, *ONLY_FINAL),
    "a blank behind each sign": (f"```diff\n@@ @@\n- {SMALL[0]}\n+ {SMALL[1]}\n```\n", DIFF, *ONLY_FINAL),
    "other signs for minus and plus": (
        f"```diff\n@@ @@\n−{SMALL[0]}\n＋{SMALL[1]}\n```\n",
        Fault.NOT_FOUND,
        *NONE,
    ),
    "a diff of the old kind": (f"10c10\n< {SMALL[0]}\n---\n> {SMALL[1]}\n", Fault.NO_EDIT, *NONE),
    "a diff with context of the old kind": (
        f"*** train.py\n--- train.py\n***************\n*** 10 ****\n! {SMALL[0]}\n"
        f"--- 10 ----\n! {SMALL[1]}\n",
        Fault.NO_EDIT,
        *NONE,
    ),
    "a diff of words": (f"[-{SMALL[0]}-]{{+{SMALL[1]}+}}\n", Fault.NO_EDIT, *NONE),
    "a hunk's line in words": (f"@@ see below\n\n{FINAL}", BLOCKS, *ONLY_FINAL),
    "a diff in a thought without an end": (f"<think>\n{diff(*DEEP)}", Fault.TRUNCATED, *NONE),
    "a hunk and a block": (f"{HUNK}\n{RATE}", Fault.AMBIGUOUS, *NONE),
}
OTHER_HALVES = {
    "json": '```json\n{"old_string": "RATE = 0.1", "new_string": "RATE = 0.2"}\n```\n',
    "tags": "<search>\nRATE = 0.1\n</search>\n<replace>\nRATE = 0.2\n</replace>\n",
    "the marks of a merge": "<<<<<<< HEAD\nRATE = 0.1\n=======\nRATE = 0.2\n>>>>>>> mine\n",
    "headings": "SEARCH:\n```\nRATE = 0.1\n```\nREPLACE:\n```\nRATE = 0.2\n```\n",
    "a fence without a language": "```\nRATE = 0.2\n```\n",
    "a fence with a file's name": "```python:train.py\nRATE = 0.2\n```\n",
    "words": "Also replace `RATE = 0.1` with `RATE = 0.2`.\n",
    "a command": "```bash\nsed -i 's/RATE = 0.1/RATE = 0.2/' train.py\n```\n",
    "lines of a diff without a head": "-RATE = 0.1\n+RATE = 0.2\n",
    "a diff of the old kind": "9c9\n< RATE = 0.1\n---\n> RATE = 0.2\n",
    "indented lines": "Also:\n\n    RATE = 0.2\n",
    "a call of a tool": '<tool_call>\n{"name": "edit", "arguments": {"new_str": "x"}}\n</tool_call>\n',
}
"""The second of two changes, in a format that is not read."""
HALVES: dict[str, Shape] = {
    **{
        f"half as blocks, half as {name}": (f"{FINAL}\n{half}", Fault.SNIPPET, *NONE)
        for name, half in OTHER_HALVES.items()
    },
    **{
        f"half as a diff, half as {name}": (f"{TITLE}{diff(*SMALL)}\n{half}", Fault.SNIPPET, *NONE)
        for name, half in OTHER_HALVES.items()
    },
    **{
        f"an end behind {end}": (f"{FINAL}\n{end}\n", Fault.TRUNCATED, *NONE)
        for end in ("**Then the rate:**", "### 2. Raise the rate", "Now the second block:", "```python")
    },
    "the beginning of a marker at the end": (f"{FINAL}\n<<<<<<< SEAR", Fault.SNIPPET, *NONE),
    "a summary of what is made": (
        f"{FINAL}\nSummary:\n- BATCH = 8\n- RATE = 0.1, as before\n",
        BLOCKS,
        *ONLY_FINAL,
    ),
    "a number in words": (f"{FINAL}\nAt BATCH = 4 steps would be too noisy.\n", BLOCKS, *ONLY_FINAL),
}
STRANGE = {**MARKERS, **WRAPPED, **DIFFS, **HALVES}
"""All of them."""

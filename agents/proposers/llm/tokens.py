"""How many tokens a text has, about, without a network.

The encoding is one that litellm brings along; tiktoken by itself would download it. Models count differently,
by a tenth or two, which is good enough for deciding what to leave out of a prompt. Where the file is not
there, because litellm moved it, four bytes count as one token: what English text and code have on average.
"""

import hashlib
import importlib.util
import os
from functools import cache
from pathlib import Path
from typing import Protocol

ENCODING = "cl100k_base"
SOURCE = "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken"
"""The address it was once downloaded from: tiktoken keeps files under the SHA-1 of it."""
PIECE = 4_000
"""Characters encoded at a time: one word of a million letters would take minutes."""
BYTES_PER_TOKEN = 4


class _Encoding(Protocol):
    def encode_ordinary(self, text: str) -> list[int]: ...


def count_tokens(text: str) -> int:
    """Tokens of ``text``."""
    encoding = _encoding(_bundled())
    if encoding is None:
        return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)
    return sum(len(encoding.encode_ordinary(text[at : at + PIECE])) for at in range(0, len(text), PIECE))


def _bundled() -> Path | None:
    """litellm's folder of encodings, found without importing it."""
    spec = importlib.util.find_spec("litellm")
    folders = spec.submodule_search_locations if spec is not None else None
    return Path(folders[0]) / "litellm_core_utils" / "tokenizers" if folders else None


@cache
def _encoding(folder: Path | None) -> _Encoding | None:
    """None where the file is not in ``folder``."""
    name = hashlib.sha1(SOURCE.encode(), usedforsecurity=False).hexdigest()
    if folder is None or not (folder / name).is_file():
        return None
    import tiktoken

    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)  # litellm sets the same when it is imported
    return tiktoken.get_encoding(ENCODING)

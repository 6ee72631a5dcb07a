"""Several files as one text, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.bundle import BundleError, header, is_bundle, pack, unpack

FILES = {"src/parse.c": "int x;\n", "flags.txt": "-O2\n", "a b/ü.md": ""}
NAMES = (
    st.lists(st.sampled_from("abc.ü-"), min_size=1, max_size=4)
    .map("".join)
    .filter(lambda name: name.strip("."))
)
TEXTS = st.text(alphabet="=x file:\n\r\u2028\t", max_size=40)


def test_files_come_back_as_they_were_in_the_order_of_their_paths() -> None:
    text = pack(FILES)
    assert unpack(text) == FILES
    assert list(unpack(text)) == sorted(FILES)
    assert is_bundle(text)
    assert text.splitlines()[0] == "=== file: a b/ü.md ==="


def test_a_last_line_is_ended() -> None:
    assert unpack(pack({"a": "x"})) == {"a": "x\n"}


@given(st.dictionaries(NAMES, TEXTS, min_size=1, max_size=4))
def test_whatever_they_hold(files: dict[str, str]) -> None:
    ended = {path: text if not text or text.endswith("\n") else f"{text}\n" for path, text in files.items()}
    assert unpack(pack(files)) == ended


@pytest.mark.parametrize(
    "path", ["", "/etc/x", "../x", "a/../b", "a//b", "./a", "a\\b", "a\nb", ".", "x" * 201]
)
def test_no_file_lies_outside(path: str) -> None:
    with pytest.raises(BundleError):
        pack({path: "x\n"})


def test_a_file_with_the_line_of_another_is_refused() -> None:
    with pytest.raises(BundleError, match="marks the beginning"):
        pack({"a": f"x\n{header('b')}\ny\n"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "print(1)\n",
        "\n=== file: a ===\n",
        "=== file: b ===\n=== file: a ===\n",
        "=== file: a ===\nx\n=== file: a ===\ny\n",
        "=== file: a ===\nx",
        "=== file: ../a ===\nx\n",
        "=== file: a ===",
    ],
)
def test_what_is_no_bundle_is_refused(text: str) -> None:
    with pytest.raises(BundleError):
        unpack(text)

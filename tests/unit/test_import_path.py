"""The import path: Python's own first, then ours, then what is installed, and what a shell names last."""

import site
from types import ModuleType

from autoswarm.import_path import HOME, STANDARD, given_by, ordered, shell_folders

SITE = site.getsitepackages()[0]


def test_what_a_shell_names_comes_last() -> None:
    named = shell_folders({"PYTHONPATH": "/mine:/other"}, ["/start", "/mine", "/other", STANDARD, SITE, HOME])
    assert {"/start", "/mine", "/other"} <= named
    path = ["/start", "/mine", "/other", f"{STANDARD}/lib-dynload", STANDARD, SITE, "/from/a/pth", HOME]
    first, last = ordered(path, named)
    assert first == [f"{STANDARD}/lib-dynload", STANDARD, HOME, SITE, "/from/a/pth"]
    assert last == ["/start", "/mine", "/other"]


def test_folders_of_the_installation_stay_in_front_where_a_shell_names_them_too() -> None:
    path = ["/mine", SITE, HOME, STANDARD]
    first, last = ordered(path, shell_folders({"PYTHONPATH": f"/mine:{SITE}:{HOME}"}, path))
    assert first == [STANDARD, HOME, SITE]
    assert last == ["/mine"]


def test_order_is_kept_when_it_is_made_twice() -> None:
    first, last = ordered(["/mine", STANDARD, SITE, HOME], {"/mine"})
    assert ordered([*first, *last], {"/mine", *first}) == (first, last)


def test_an_empty_name_is_the_current_folder_and_our_folder_is_there_even_where_no_path_has_it() -> None:
    first, last = ordered(["", STANDARD], shell_folders({}, [""]))
    assert first == [STANDARD, HOME]
    assert len(last) <= 1


def test_a_module_from_such_a_folder_is_noticed() -> None:
    modules = {
        "re": module("/mine/re.py"),
        "torch": module("/mine/torch/__init__.py"),
        "torch.nn": module("/mine/torch/nn.py"),
        "json": module(f"{STANDARD}/json/__init__.py"),
        "sitecustomize": module("/mine/sitecustomize.py"),
        "deeper": module("/mine/.venv/lib/deeper.py"),
        "sys": ModuleType("sys"),
        "__main__": module("/mine/script.py"),
    }
    assert given_by(modules, ["/mine"]) == ["re", "torch"]
    assert given_by(modules, []) == []


def module(file: str) -> ModuleType:
    made = ModuleType("made")
    made.__file__ = file
    return made

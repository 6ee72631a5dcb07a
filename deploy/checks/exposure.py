"""What this machine must hide from variants, and whether the sandbox they get does."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from configs.errors import ConfigError
from configs.schema import Config
from coordinator.rules.trust import TRUSTED, WITH_GAPS
from deploy.checks.keys import ENV_FILE
from deploy.packages import HOME
from deploy.sandboxes import sandbox_of
from trainer.sandbox.exposure import Exposed, discovered, exposed
from trainer.sandbox.gpu import device_nodes, installed_gpus
from trainer.sandbox.view import View, view_of
from trainer.task_loading import load_task

LAUNCHER = HOME / "trainer" / "run" / "launch.py"

AT_A_START = 0.5
"""Seconds that a start looks for what nobody named; the doctor takes as long as it needs, about."""

AT_LEISURE = 30.0

KEYS = (".ssh", ".aws", ".azure", ".config/gcloud", ".kube", ".netrc", ".docker", ".cache/huggingface/token")
"""Of a home folder, where programs keep keys."""

KEY_FILES = ("GOOGLE_APPLICATION_CREDENTIALS", "AWS_SHARED_CREDENTIALS_FILE", "HF_TOKEN_PATH", "KUBECONFIG")
"""Variables that name a file with keys."""


class Secret(Struct, frozen=True):
    """Something that no variant may read."""

    what: str

    remedy: str
    """What to do where one can."""


def _at_home() -> list[Path]:
    try:
        home = Path.home()
    except RuntimeError:  # HOME is not set, and this user has no entry
        return []
    return [home / name for name in KEYS]


UNNAMED = Secret("prepared data or a campaign", "Move it out of there.")


def secrets(config: Config) -> dict[Path, Secret]:
    """What this campaign and this user have that variants must not read, by its absolute path."""
    data, campaigns = Path(config.data_dir).absolute(), Path(config.campaigns_dir).absolute()
    keys = Secret("keys", "Move them out of there, or have Python and its packages elsewhere.")
    homes = [ENV_FILE.absolute(), *_at_home()]
    named = [Path(os.environ[name]) for name in KEY_FILES if os.environ.get(name)]
    return {
        **dict.fromkeys(
            _with_inner(data), Secret("prepared data", "Choose another place: data_dir=PATH, and move it.")
        ),
        **dict.fromkeys(
            _with_inner(campaigns),
            Secret("journals and logs", "Choose another place: campaigns_dir=PATH, and move them."),
        ),
        **dict.fromkeys([*homes, *named], keys),
        Path(tempfile.gettempdir()): Secret("files of other runs", "Choose another place: TMPDIR=PATH."),
        **_recipe(config),
    }


def _recipe(config: Config) -> dict[Path, Secret]:
    """The folder of the campaign's task, where its recipe makes the text it is judged on."""
    try:
        task = load_task(config.task.name)
    except ConfigError:
        return {}  # that is said elsewhere
    secret = Secret(
        "the recipe that makes the validation text",
        "Move the task; or install autoswarm where its source is, by `make install`, not among packages.",
    )
    return {} if task.fetched else {task.folder.absolute(): secret}


def _with_inner(folder: Path) -> list[Path]:
    """It and what is in it, two levels down: any of that may be a link."""
    return [folder, *folder.glob("*"), *folder.glob("*/*")]


def view_here(config: Config) -> View:
    """What a variant of this campaign sees here."""
    nodes = device_nodes("0", installed_gpus()) if config.slots.per_gpu else ()
    return view_of(Path(tempfile.gettempdir(), "home"), LAUNCHER, nodes)


def readable(config: Config, seconds: float = 0.0) -> Iterator[tuple[Exposed, Secret]]:
    """What a confined variant could read all the same, once for each folder of the view and kind. seconds: to
    look for what nobody named.
    """
    view, hidden = view_here(config), secrets(config)
    named: set[tuple[Path, str]] = set()
    for hit in exposed(view, hidden):
        secret = hidden[hit.path]
        if (hit.root, secret.what) not in named:
            named.add((hit.root, secret.what))
            yield hit, secret
    if seconds:
        yield from ((hit, UNNAMED) for hit in discovered(view, seconds) if hit.path not in hidden)


def require_hidden(config: Config, seconds: float = AT_A_START) -> None:
    """Raises ConfigError for the first thing that a variant could read though it is confined. Where it is not
    it reads everything anyway.
    """
    if config.trainer.kind == "simulated":
        return
    for hit, secret in readable(config, seconds):
        if confines_files(sandbox_of(config)):
            raise ConfigError(in_words(hit, secret), secret.remedy)


def confines_files(tier: str) -> bool:
    """Whether a variant there sees its view and nothing else."""
    return tier in (*TRUSTED, *WITH_GAPS)


def in_words(hit: Exposed, secret: Secret) -> str:
    """What is wrong, in one line."""
    return f"variants could read {secret.what}: {hit.path} lies in {hit.root}, which every sandbox shows"

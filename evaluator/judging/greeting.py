"""The judge's answer to a process that says hello: what it must know of the run, and its vocabulary."""

from msgspec.structs import replace

from evaluator.budget import nominal_seconds
from evaluator.job import JudgeJob
from evaluator.judging.data import VOCABULARY, Manifest
from evaluator.judging.messages import VERSION, Hello, Request, Welcome
from evaluator.judging.wire import Channel


def mismatch(request: Hello) -> str:
    """Why this judge does not understand who greets it; empty where it does."""
    if request.version == VERSION:
        return ""
    return f"protocol version {request.version}, this judge speaks {VERSION}"


def welcome(channel: Channel[Request], job: JudgeJob, manifest: Manifest, *, twin: bool = False) -> None:
    """Answer the live variant, or its twin. Raises ClosedError."""
    channel.send(replace(_welcome(job, manifest), twin=twin), (job.data / VOCABULARY).read_bytes())


def _welcome(job: JudgeJob, manifest: Manifest) -> Welcome:
    return Welcome(
        max_seq_len=manifest.max_seq_len,
        time_budget=nominal_seconds(job.budget.unit, job.budget.amount),
        nominal=job.budget.unit.deterministic,
        seed=job.seed,
        vocab_size=manifest.vocab_size,
        bos=manifest.bos,
        vocabulary=manifest.vocabulary,
        pattern=manifest.pattern,
    )

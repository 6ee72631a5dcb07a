"""The Ray actor at the head: the service behind asynchronous methods.

- Service calls run one after the other on one thread, so a slow git call never holds up heartbeats of Ray
  itself. Calls that came in while the thread was busy share the next write to the disk; those a slot waits
  for go before those of a thinker.
- ``lease``, ``brief`` and ``permit`` hold a ``Wait`` back until the campaign has changed, a few seconds at
  most: no Ray call spans a training.
- Killed, it is started again by Ray and makes itself anew from the journal; what could not be opened is said
  by ``ready``, once, in words.
"""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
import ray

from configs.errors import ConfigError
from coordinator.arm_notes import ArmNote
from coordinator.model_calls import CallRecord, CallRequest, Permit
from coordinator.parent_watch import end_with
from coordinator.priority import take_usual_priority
from coordinator.protocol import (
    Accepted,
    Ack,
    AgentCard,
    Brief,
    HeartbeatReply,
    Lease,
    Proposal,
    Refused,
    Token,
    Wait,
    Welcome,
)
from coordinator.service.service import Service
from coordinator.store.journal import CampaignBusyError
from coordinator.views.overview import Overview
from evaluator.result import Progress, RunResult

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")
Opener = Callable[[], Service]
Asked = tuple[Callable[[Service], Any], asyncio.Future[Any]]
TICK_SECONDS = 1.0
MAX_TOGETHER = 64
"""Calls of slots that share a write to the disk: more would keep the first of them waiting for the last one's
work.
"""
THOUGHTS_TOGETHER = 4
"""The same of all other calls. A proposal costs some milliseconds of work, and a slot that becomes free waits
for no more than these.
"""


class CoordinatorServer:
    """A campaign behind Ray. Made by ``ray.remote``; see ``remote_class``."""

    def __init__(self, opener: Opener, parent: int | None = None) -> None:
        """opener: opens the campaign here. parent: pid of the process on this machine to end with, or None to
        live by oneself.
        """
        take_usual_priority()
        if parent is not None:
            end_with(parent)
        self._line = ThreadPoolExecutor(max_workers=1, thread_name_prefix="campaign")
        self._changed = asyncio.Event()
        self._seen = -1
        self._service: Service | None = None
        self._problem: ConfigError | None = None
        self._trouble = ""
        try:
            self._service = self._line.submit(opener).result()
        except ConfigError as error:
            self._problem = error
        self._ticker: asyncio.Task[None] | None = None
        self._slots: deque[Asked] = deque()
        self._others: deque[Asked] = deque()
        self._answering: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------ for whoever started it

    async def ready(self) -> tuple[str, str, int] | None:
        """None when the campaign is open; else what is wrong, what to do, and 1 where another coordinator has
        it.
        """
        if self._ticker is None:
            self._ticker = asyncio.get_running_loop().create_task(self._tick())
        problem = self._problem
        return (
            None
            if problem is None
            else (str(problem), problem.remedy, int(isinstance(problem, CampaignBusyError)))
        )

    async def pid(self) -> int:
        """Of its process."""
        return os.getpid()

    async def status(self, seen_rows: int) -> Overview:
        """The status page, rows of experiments finished since ``seen_rows`` of them, and what is wrong."""
        overview = await self._ask(lambda service: service.overview(seen_rows))
        return msgspec.structs.replace(overview, trouble=self._trouble or overview.trouble)

    async def drain(self, reason: str, now: bool) -> None:
        """See ``Service.drain``."""
        await self._ask(lambda service: service.drain(reason, now))

    async def lose(self, agents: list[str], why: str) -> None:
        """See ``Service.lose``."""
        await self._ask(lambda service: service.lose(agents, why))

    async def close(self) -> None:
        """Close the campaign's files."""
        if self._ticker is not None:
            self._ticker.cancel()
        if self._service is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._service.be_seen)
        await self._ask(lambda service: service.close())

    # ------------------------------------------------------------------ for agents

    async def join_campaign(self, card: AgentCard) -> Welcome:
        """See ``Coordinator.join``."""
        return await self._ask(lambda service: service.join(card))

    async def leave(self, agent: str, reason: str) -> None:
        """See ``Coordinator.leave``."""
        await self._ask(lambda service: service.leave(agent, reason))

    async def brief(self, agent: str, timeout: float) -> Brief | Wait:
        """See ``Coordinator.brief``; a ``Wait`` comes after ``timeout`` seconds at the latest."""
        return await self._ask_until(lambda service: service.brief(agent), timeout)

    async def propose(self, agent: str, proposal: Proposal) -> Accepted | Refused:
        """See ``Coordinator.propose``."""
        return await self._ask(lambda service: service.propose(agent, proposal))

    async def note_arms(self, agent: str, number: int, notes: Sequence[ArmNote]) -> None:
        """See ``Coordinator.note_arms``."""
        await self._ask(lambda service: service.note_arms(agent, number, notes))

    async def lease(self, agent: str, timeout: float) -> Lease | Wait:
        """See ``Coordinator.lease``; a ``Wait`` comes after ``timeout`` seconds at the latest."""
        return await self._ask_until(lambda service: service.lease(agent), timeout, self._slots)

    async def heartbeat(self, agent: str, token: Token, progress: Progress) -> HeartbeatReply:
        """See ``Coordinator.heartbeat``."""
        return await self._ask(lambda service: service.heartbeat(agent, token, progress), self._slots)

    async def report(self, agent: str, token: Token, result: RunResult, gap: float | None) -> Ack:
        """See ``Coordinator.report``."""
        return await self._ask(lambda service: service.report(agent, token, result, gap), self._slots)

    async def release(self, agent: str, token: Token, reason: str) -> None:
        """See ``Coordinator.release``."""
        await self._ask(lambda service: service.release(agent, token, reason), self._slots)

    async def permit(self, agent: str, request: CallRequest, timeout: float) -> Permit | Wait:
        """See ``Coordinator.permit``; a ``Wait`` comes after ``timeout`` seconds at the latest."""
        return await self._ask_until(lambda service: service.permit(agent, request), timeout)

    async def settle(self, agent: str, record: CallRecord, transcript: bytes | None) -> None:
        """See ``Coordinator.settle``."""
        await self._ask(lambda service: service.settle(agent, record, transcript))

    # ------------------------------------------------------------------ in order, on one thread

    async def _ask(self, question: Callable[[Service], Answer], line: deque[Asked] | None = None) -> Answer:
        service = self._service
        if service is None:
            raise ConnectionError(f"the campaign is not open: {self._problem}")
        if self._ticker is None:
            self._ticker = asyncio.get_running_loop().create_task(self._tick())
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        (self._others if line is None else line).append((question, answer))
        if self._answering is None or self._answering.done():
            self._answering = asyncio.get_running_loop().create_task(self._answer_all(service))
        return await answer

    async def _answer_all(self, service: Service) -> None:
        while line := self._slots or self._others:
            most = MAX_TOGETHER if line is self._slots else THOUGHTS_TOGETHER
            group = [line.popleft() for _ in range(min(len(line), most))]
            questions = [question for question, _ in group]
            try:
                answers = await asyncio.get_running_loop().run_in_executor(
                    self._line, service.together, questions
                )
            except Exception as error:  # the outermost loop: whoever asked must hear of it
                log.exception("calls could not be answered")
                answers = [error] * len(group)
            self._note_trouble(next((answer for answer in answers if isinstance(answer, ConfigError)), None))
            self._tell_of_changes(service)
            for (_, future), answer in zip(group, answers, strict=True):
                _give(future, answer)

    def _tell_of_changes(self, service: Service) -> None:
        if service.changes != self._seen:
            self._seen, self._trouble = service.changes, ""
            self._changed.set()
            self._changed = asyncio.Event()

    def _note_trouble(self, error: ConfigError | None) -> None:
        if error is not None:
            self._trouble = f"the campaign cannot go on: {error}. {error.remedy}"

    async def _ask_until(
        self, question: Callable[[Service], Answer], timeout: float, line: deque[Asked] | None = None
    ) -> Answer:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            changed = self._changed
            answer = await self._ask(question, line)
            left = deadline - loop.time()
            if not isinstance(answer, Wait) or answer.stop or left <= 0:
                return answer
            if changed.is_set():  # something changed while the question was asked
                continue
            try:
                await asyncio.wait_for(changed.wait(), left)
            except TimeoutError:
                return answer

    async def _tick(self) -> None:
        """Never together with other calls: a request to stop is taken from the disk once, so it must not be
        undone with somebody's failure.
        """
        while (service := self._service) is not None:
            await asyncio.sleep(TICK_SECONDS)
            try:
                await asyncio.get_running_loop().run_in_executor(self._line, service.tick)
                self._tell_of_changes(service)
            except ConfigError as error:  # a full disk: go on trying, agents keep their results
                self._note_trouble(error)
                log.error(
                    "the campaign cannot be written", extra={"error": str(error), "remedy": error.remedy}
                )


def _give(future: asyncio.Future[Any], answer: Any) -> None:
    if future.cancelled():  # whoever asked has gone
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def remote_class(**options: Any) -> Any:
    """The actor class: restarted for ever, calls to it repeated for ever, no CPU of its own."""
    return ray.remote(CoordinatorServer).options(num_cpus=0, max_restarts=-1, max_task_retries=-1, **options)

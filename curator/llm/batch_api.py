"""Many requests handed to a server in one file, answered within a day at half the price.

OpenAI's Batch API (https://platform.openai.com/docs/guides/batch): a file of requests is uploaded,
a batch is made of it, and when that has ended there is a file of answers and one of errors. The
answers go into the model cache under the very keys that ``MeteredLLM.generate`` looks up, so all
that comes after is the ordinary way. What a batch does not answer is left to that, too.

Nothing is lost or handed over twice when the process dies: what is going to be made stands in the
catalog before the server hears of it, and the server is told its name there. A batch that the
server has made, and nobody here heard of, is found by that.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

from pydantic import ValidationError

from curator.batches import batched
from curator.catalog import ApiBatch, Arrived, CachedOutput, Catalog
from curator.errors import (
    MissingError,
    ModelError,
    ServerUnavailable,
    UsageError,
)
from curator.llm.api import ApiLLM, translated
from curator.llm.batch_lines import answers_of, line_of
from curator.llm.metered import MeteredLLM, Prepared
from curator.locks import writer_lock

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BatchApi", "BatchReport"]

# What OpenAI takes in one batch.
MAX_REQUESTS = 50_000
MAX_BYTES = 200_000_000
# How often a batch is asked after, in seconds: at first, and at most.
PAUSES = (5.0, 60.0)
# So many questions after a batch may fail in a row while it is waited for.
MAX_FAILURES = 5

_ENDED = ("completed", "failed", "expired", "cancelled")
_NO_ANSWER = {
    "completed": "the batch has no answer to it",
    "expired": "the batch was not done in time",
    "cancelled": "the batch was cancelled",
}


@dataclass(frozen=True)
class BatchReport:
    """What there is of ``wanted`` answers: ``cached``, ``waiting`` in batches that have not
    ended, ``left`` (by reason) to be asked one by one, and ``unsent`` where the budget ended.
    These four add up. ``submitted`` is how many of them were handed over just now."""

    wanted: int
    cached: int
    submitted: int
    waiting: int
    left: dict[str, int] = field(default_factory=dict)

    @property
    def unsent(self) -> int:
        return self.wanted - self.cached - self.waiting - sum(self.left.values())


class BatchApi:
    """The batches of one model in one library.

    ``notify`` gets sentences, ``progress`` gets ``(what, done, of)``. Two processes take turns.

    Raises:
        UsageError: the model is none behind an API.
    """

    def __init__(
        self,
        llm: MeteredLLM,
        catalog: Catalog,
        *,
        notify: Callable[[str], None] = lambda _: None,
        progress: Callable[[str, int, int | None], None] = lambda _what, _done, _of: None,
        pauses: tuple[float, float] = PAUSES,
    ) -> None:
        if not isinstance(llm.backend, ApiLLM):
            raise UsageError(
                f"--batch-api needs a model behind an API, and {llm.name} is none.",
                remedy="Add --model openai:MODEL, or leave --batch-api out.",
            )
        self._llm, self._api = llm, llm.backend
        self._log, self._cache = catalog.api_batches, llm.cache
        self._lock = catalog.store.path.with_name("batches.lock")
        self._notify, self._progress, self._pauses = notify, progress, pauses
        # Whether the server made a batch is not known if its answer is lost: it is not asked
        # again, but looked up.
        self._once = self._api.client.with_options(max_retries=0)

    # ------------------------------------------------------------------ driving

    def run(self, requests: Iterable[Prepared[Any]], *, wait: bool = False) -> BatchReport:
        """Collects what has ended, and hands over what is neither answered nor under way. With
        ``wait`` it stays until all batches have ended and are collected.

        Raises:
            BudgetExhausted: there are requests to hand over and none may be, or the minutes
                are over. What was handed over goes on at the server.
            MissingError: the server has no Batch API, refuses the key or cannot be reached.
            ModelError: the server refused a batch as a whole; these requests are free again.
            StorageError: another process is at it for long.
        """
        wanted = {one.key: one for one in requests}
        with self._alone():
            self.poll()
            refused = self.collect(wanted.values())
            submitted = 0 if refused else self.submit(wanted.values())
        if wait:
            refused += self._wait(wanted.values())
        if refused:
            raise ModelError(
                f"{self._llm.name} refused a batch: {refused[0]}.",
                remedy="What was answered is kept. Run the command again to hand the rest over "
                "again, or without --batch-api to ask one by one.",
            )
        return self.report(wanted, submitted)

    def report(self, keys: Iterable[str], submitted: int = 0) -> BatchReport:
        """How far these requests are."""
        wanted = set(keys)
        cached = self._cache.having(wanted)
        outcomes = self._log.outcomes(wanted - cached)
        reasons = self._log.reasons(wanted - cached)
        waiting = sum(outcome != "left" for outcome in outcomes.values())
        return BatchReport(
            len(wanted), len(cached), submitted, waiting, dict(Counter(reasons.values()))
        )

    def _wait(self, requests: Iterable[Prepared[Any]]) -> list[str]:
        """Until all batches have ended; why some were refused."""
        pause, failures, refused = self._pauses[0], 0, []
        while batches := self._log.open(self._llm.identity):
            done = sum(one.completed + one.failed for one in batches)
            self._progress("answered in the batch", done, sum(one.requests for one in batches))
            time.sleep(pause)
            pause = min(1.5 * pause, self._pauses[1])
            self._llm.budget.check_time()
            try:
                with self._alone():
                    self.poll()
                    refused += self.collect(requests)
            except (ModelError, ServerUnavailable) as error:
                failures += 1
                if failures >= MAX_FAILURES or not error.retryable:
                    raise
            else:
                failures = 0
        return refused

    # --------------------------------------------------------------- submitting

    def submit(self, requests: Iterable[Prepared[Any]]) -> int:
        """Hands over what is neither answered nor in a batch already, in as many batches as it
        takes; how many requests."""
        wanted = {one.key: one for one in requests}
        there = self._cache.having(wanted) | set(self._log.outcomes(wanted))
        todo = [one for key, one in wanted.items() if key not in there]
        if todo:
            todo = todo[: self._llm.budget.take(len(todo))]
        lines = ((one.key, line_of(one.key, self._api.body(one.request))) for one in todo)
        ahead = next(lines, None)
        while ahead:
            keys: list[str] = []
            size = 0
            with tempfile.TemporaryFile(suffix=".jsonl") as file:
                while ahead and len(keys) < MAX_REQUESTS:
                    if keys and size + len(ahead[1]) > MAX_BYTES:
                        break
                    size += file.write(ahead[1])
                    keys.append(ahead[0])
                    ahead = next(lines, None)
                self._make(keys, file)
        return len(todo)

    def _make(self, keys: Sequence[str], file: IO[bytes]) -> None:
        """Uploads a file and has a batch made of it."""
        name = self._log.begin(self._llm.identity, keys)
        file.seek(0)
        try:
            with self._spoken():
                uploaded = self._api.client.files.create(
                    file=(f"curator-{name}.jsonl", file, "application/jsonl"), purpose="batch"
                )
                input_file = self._named(uploaded)
            self._log.note(name, input_file=input_file)
        except BaseException:
            self._log.forget(name)  # without a batch, a file costs nothing
            raise
        try:
            with self._spoken():
                made = self._once.batches.create(
                    completion_window="24h",
                    endpoint="/v1/chat/completions",
                    input_file_id=input_file,
                    metadata={"curator": name},
                )
                self._named(made)
        except (MissingError, ModelError) as error:
            status = _status(error)
            if status is not None and 400 <= status < 500 and status != 408:
                self._log.forget(name)
            raise
        self._take_in(name, made)
        self._notify(f"Handed {len(keys):,} requests to {self._llm.name} in one batch.")

    # ------------------------------------------------------------------ polling

    def poll(self) -> list[ApiBatch]:
        """Asks the server how its batches are; those that are not collected."""
        for batch in self._log.open(self._llm.identity):
            if batch.remote is None:
                self._find(batch)
            elif batch.status not in _ENDED:
                try:
                    with self._spoken():
                        self._take_in(batch.id, self._api.client.batches.retrieve(batch.remote))
                except MissingError as error:
                    if _status(error) != 404:
                        raise
                    self._notify(f"{self._llm.name} knows the batch {batch.remote} no more.")
                    self._log.forget(batch.id)
        return self._log.open(self._llm.identity)

    def _find(self, batch: ApiBatch) -> None:
        """A batch of which nobody heard whether it was made: takes it in, or forgets it."""
        if batch.input_file is not None:
            try:
                with self._spoken():
                    made = next((b for b in self._made_lately() if _is(batch, b)), None)
            except MissingError as error:
                if _status(error) not in (404, 405, 501):
                    raise
                made = None  # a server that lists none
            if made is not None:
                self._take_in(batch.id, made)
                return
        self._log.forget(batch.id)

    def _made_lately(self) -> Iterator[Any]:
        """What the server lists, latest first."""
        yield from islice(self._api.client.batches.list(limit=100), 2_000)

    def _take_in(self, name: str, said: Any) -> None:
        """Stores what the server says of a batch."""
        remote, status = self._named(said), getattr(said, "status", None)
        counts = getattr(said, "request_counts", None)
        numbers = {
            kind: count
            for kind in ("completed", "failed")
            if isinstance(count := getattr(counts, kind, None), int)
        }
        files = {
            kind: found
            for kind in ("output_file", "error_file")
            if isinstance(found := getattr(said, f"{kind}_id", None), str) and found
        }
        self._log.note(name, remote=remote, status=str(status or "unknown"), **numbers, **files)

    # --------------------------------------------------------------- collecting

    def collect(self, requests: Iterable[Prepared[Any]]) -> list[str]:
        """Downloads what batches that have ended brought, and puts the answers to ``requests``
        into the cache. Answers to others are kept until they are asked for. Why batches were
        refused as a whole, where some were."""
        refused = []
        for batch in self._log.open(self._llm.identity):
            if batch.status == "failed" and not (batch.output_file or batch.error_file):
                refused.append(self._why_failed(batch))
                self._log.forget(batch.id)
            elif batch.status in _ENDED:
                waiting = self._log.waiting(batch.id)
                came: dict[str, Arrived] = {}
                for file in (batch.error_file, batch.output_file):
                    for key, one in self._rows(file):
                        if key in waiting and (key not in came or came[key].reason):
                            came[key] = one
                rest = _NO_ANSWER.get(batch.status, f"the batch is {batch.status}")
                self._log.arrive(batch.id, came, rest=rest)
        self._settle({one.key: one for one in requests})
        return refused

    def _settle(self, wanted: dict[str, Prepared[Any]]) -> None:
        """Puts answers that came into the cache, if they fit."""
        for keys in batched(wanted, 500):
            fit: list[CachedOutput] = []
            left: dict[str, str] = {}
            for key, one in self._log.arrived(keys).items():
                asked = wanted[key]
                try:
                    asked.output.model_validate_json(one.output)
                except ValidationError:
                    left[key] = "the answer does not fit the form asked for"
                    continue
                fit.append(
                    CachedOutput(
                        key=key,
                        model=self._llm.identity,
                        prompt=asked.prompt.name,
                        prompt_hash=asked.prompt.hash,
                        schema_hash=asked.schema_hash,
                        input_hash=asked.input_hash,
                        output=one.output,
                        prompt_tokens=one.prompt_tokens,
                        completion_tokens=one.completion_tokens,
                        seconds=0.0,
                    )
                )
            if fit or left:
                self._cache.put_all(fit)
                self._log.settle([one.key for one in fit], left)

    def _rows(self, file: str | None) -> Iterator[tuple[str, Arrived]]:
        """What a file of answers or errors says, line by line; lines that say nothing are passed
        over, and so is a file that is no more."""
        if file is None:
            return
        try:
            with self._spoken():
                raw = self._api.client.files.content(file).content
        except MissingError as error:
            if _status(error) not in (404, 410):
                raise
            self._notify(f"{self._llm.name} has the file {file} no more.")
            return
        yield from answers_of(raw)

    def _why_failed(self, batch: ApiBatch) -> str:
        with self._spoken():
            said = self._api.client.batches.retrieve(batch.remote or "")
        errors = getattr(getattr(said, "errors", None), "data", None) or []
        reasons = [str(getattr(one, "message", None) or getattr(one, "code", "")) for one in errors]
        return (next(filter(None, reasons), "") or "it does not say why").rstrip(".")[:300]

    # ------------------------------------------------------------------ helpers

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with writer_lock(self._lock, self._notify):
            yield

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        """Errors in our words; that there is no Batch API is another than that there is no such
        model."""
        try:
            with translated(self._llm.name):
                yield
        except (MissingError, ModelError) as error:
            status = _status(error)
            if status in (404, 405, 501):
                raise MissingError(
                    f"The server of {self._llm.name} has no Batch API, or no longer what was asked "
                    f"for (HTTP {status}).",
                    remedy="Leave out --batch-api, or set OPENAI_BASE_URL to a server that has it.",
                ) from error.__cause__
            raise

    def _named(self, said: Any) -> str:
        """The id of what a server made."""
        name = getattr(said, "id", None)
        if not isinstance(name, str) or not name:
            raise MissingError(
                f"What answers for {self._llm.name} has no Batch API.",
                remedy="Leave out --batch-api, or set OPENAI_BASE_URL to a server that has it.",
            )
        return name


def _status(error: BaseException) -> int | None:
    """The HTTP status that an error came of."""
    return getattr(error.__cause__, "status_code", None)


def _is(batch: ApiBatch, said: Any) -> bool:
    """Whether what the server tells of is this batch."""
    told = getattr(said, "metadata", None)
    named = isinstance(told, dict) and told.get("curator") == batch.id
    return named or getattr(said, "input_file_id", None) == batch.input_file

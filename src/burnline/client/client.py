"""The client: what is handed over waits in a bounded buffer, a thread of its own sends it in batches."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import uuid
import weakref
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from burnline.client.sender import Answer, Meaning, Sender, connect, pause
from burnline.client.stats import Stats
from burnline.client.trace import with_id
from burnline.client.values import copied, encode

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("burnline.client")

URL = "http://127.0.0.1:8600"
PREDICTIONS, LABELS, SAMPLES, ANSWERS = "/v1/predictions", "/v1/labels", "/v1/samples", "/v1/answers"
ITEMS = {PREDICTIONS: "events", LABELS: "labels", SAMPLES: "samples", ANSWERS: "answers"}
DATED = (PREDICTIONS, LABELS)  # of these burnline knows when they happened
SAID_EVERY_SECONDS = 60.0


class To(NamedTuple):
    """Where an item goes, and what the envelope of its batch says beside the service."""

    path: str
    version: str = ""
    shadow: bool = False
    provider: str = ""

    def head(self, service: str) -> dict[str, Any]:
        """The envelope without its items."""
        said = {"version": self.version, "shadow": self.shadow, "provider": self.provider}
        return {"service": service, **{name: value for name, value in said.items() if value}}


Item = tuple[To, Mapping[str, Any]]  # with its fields


@dataclass(frozen=True, slots=True)
class _Batch:
    """What goes in one request. Its key stays the same however often it is sent: burnline keeps it once."""

    to: To
    items: Sequence[bytes]
    key: str

    def halves(self) -> tuple[_Batch, _Batch]:
        middle = len(self.items) // 2
        return _batch(self.to, self.items[:middle]), _batch(self.to, self.items[middle:])


class _State:
    """What belongs to one process: a fork begins with nothing, for what waits is the parent's to send."""

    def __init__(self) -> None:
        self.changed = threading.Condition()  # reentrant: a signal's handler may predict, too
        self.waiting: deque[Item] = deque()
        self.counts: Counter[str] = Counter()
        self.sending = 0
        self.hurry = False
        self.until: float | None = None  # closing: when to stop trying
        self.thread: threading.Thread | None = None


class Client:
    """Sends predictions and labels of one service, answers of generative AI, and what training has of events.

    Nothing here raises or waits, but `flush` and `close`, which wait as long as they are told. What finds the buffer
    full is dropped and counted. A batch is sent again until burnline answers for it; it is never counted twice.

    Args:
        url: where burnline is; BURNLINE_URL, or this host's port 8600, unless given.
        token: BURNLINE_TOKEN unless given.
        version: of the model, where the event does not say.
        shadow: nobody gets these predictions: the version answers beside the one that serves.
        buffer: events, labels and the like that may wait.
        batch: how many go in one request; `every_seconds`: how long one waits for others.
        exit_seconds: how long the end of the program waits for what is left.
    """

    def __init__(
        self,
        service: str,
        *,
        url: str | None = None,
        token: str | None = None,
        version: str = "",
        shadow: bool = False,
        buffer: int = 10_000,
        batch: int = 500,
        every_seconds: float = 1.0,
        timeout_seconds: float = 10.0,
        exit_seconds: float = 2.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.service = service
        self.version = version
        self.shadow = shadow
        self.url = url or os.environ.get("BURNLINE_URL") or URL
        self._token = token if token is not None else os.environ.get("BURNLINE_TOKEN", "")
        self._buffer, self._size = buffer, max(1, batch)
        self._every, self._timeout, self._exit = every_seconds, timeout_seconds, exit_seconds
        self._transport = transport
        self._state = _State()
        self._said_at = -SAID_EVERY_SECONDS
        _clients.add(self)

    def prediction(
        self,
        features: Mapping[str, Any],
        prediction: Any = None,
        confidence: float | None = None,
        *,
        id: str | int | None = None,  # noqa: A002 - the field's own name
        at: datetime | float | None = None,
        version: str | None = None,
        embedding: Iterable[float] | None = None,
        shadow: bool | None = None,
    ) -> bool:
        """Hand over one event; whether it was taken. `at`: when it happened, now unless given."""
        event = {"features": features, "prediction": prediction, "confidence": confidence, "id": id, "at": at}
        return self.log({**event, "embedding": embedding}, version=version, shadow=shadow)

    def label(self, id: str | int, actual: Any, *, at: datetime | float | None = None) -> bool:  # noqa: A002
        """Hand over what turned out to be true of the event with this id; whether it was taken."""
        return self._put(To(LABELS), {"id": id, "label": actual, "at": at})

    def sample(self, id: str | int, features: Mapping[str, Any]) -> bool:  # noqa: A002
        """Hand over the features that training has of the event with this id, for `signals.skew`."""
        return self._put(To(SAMPLES), {"id": id, "features": features})

    def answer(
        self,
        answer: str,
        sources: Sequence[str] | None = None,
        *,
        question: str | None = None,
        version: str | None = None,
        provider: str = "",
        **known: Any,
    ) -> bool:
        """Hand over one answer of generative AI with the documents it was to be built on; whether it was taken.

        `known`: further fields that docs/detectors/grounding.md names, as in `language="en"` or `toxic=False`.
        """
        to = To(ANSWERS, self.version if version is None else version, provider=provider)
        return self._put(to, {"answer": answer, "sources": sources, "question": question, **known})

    def log(self, event: Mapping[str, Any], *, version: str | None = None, shadow: bool | None = None) -> bool:
        """Hand over one event as docs/predictions.md has it; whether it was taken.

        While `Requests` times a request of a known trace, an event without an id gets one of the trace's.
        """
        shadow = self.shadow if shadow is None else shadow
        to = To(PREDICTIONS, self.version if version is None else version, shadow)
        if shadow and not to.version:
            self.failed(ValueError("a shadow needs a version: it is told apart by it"))
            return False
        return self._put(to, event)

    @property
    def stats(self) -> Stats:
        """What became of what was handed over in this process."""
        state = self._state
        with state.changed:
            return Stats(waiting=len(state.waiting) + state.sending, **state.counts)

    def flush(self, seconds: float = 5.0) -> bool:
        """Send what waits, now; whether burnline answered for all of it in that time."""
        state, until = self._state, time.monotonic() + seconds
        with state.changed:
            while state.waiting or state.sending:
                state.hurry = True
                state.changed.notify_all()
                left = until - time.monotonic()
                if left <= 0 or state.thread is None:
                    return False
                state.changed.wait(left)
        return True

    def close(self, seconds: float | None = None) -> bool:
        """Send what waits and take no more; whether all of it went in that time (`exit_seconds` unless given)."""
        state = self._state
        wait = self._exit if seconds is None else seconds
        with state.changed:
            state.until = time.monotonic() + wait
            state.changed.notify_all()
        self.flush(wait)
        if state.thread is not None and state.thread is not threading.current_thread():
            state.thread.join(max(0.0, state.until - time.monotonic()) + 0.1)
        with state.changed:
            self._count(state, "dropped_closed", len(state.waiting))
            state.waiting.clear()
            return not state.sending and not state.counts["dropped_closed"]

    def http(self) -> httpx.Client:
        """A connection to burnline with this client's token; for what wraps a client."""
        return connect(self.url, self._token, self._timeout, self._transport)

    def failed(self, error: Exception) -> None:
        """Count what could not even be handed over; for what wraps a client."""
        with self._state.changed:
            self._count(self._state, "dropped_invalid", 1)
        self._say("an event was dropped: %s", error)

    def _put(self, to: To, fields: Mapping[str, Any]) -> bool:
        try:
            if to.path == PREDICTIONS:
                fields = with_id(fields, to.version if to.shadow else "")
            item = (to, self._copied(fields, dated=to.path in DATED))
            state = self._state
            with state.changed:
                if state.until is not None or len(state.waiting) + state.sending >= self._buffer:
                    self._count(state, "dropped_full" if state.until is None else "dropped_closed", 1)
                    return False
                state.waiting.append(item)
                self._count(state, "taken", 1)
                if state.thread is None or len(state.waiting) == 1 or len(state.waiting) >= self._size:
                    self._wake(state)
        except Exception as error:  # noqa: BLE001 - whatever it is, it may not break who predicts
            self.failed(error)
            return False
        return True

    @staticmethod
    def _copied(fields: Mapping[str, Any], *, dated: bool) -> dict[str, Any]:
        """As it is now: the caller may change its own. What is not there is left out."""
        own = {name: copied(name, value) for name, value in fields.items() if value is not None}
        if dated:
            own.setdefault("at", time.time())
        return own

    def _wake(self, state: _State) -> None:
        if state.thread is None:
            state.thread = threading.Thread(target=self._work, args=(state,), daemon=True)
            state.thread.name = "burnline-client"
            state.thread.start()
        state.changed.notify_all()

    def _work(self, state: _State) -> None:
        """The thread: ends when the client is closed and nothing waits."""
        sender = Sender(self.url, self._token, self._timeout, self._transport)
        try:
            while (items := self._next(state)) is not None:
                try:
                    for batch in self._batches(state, items):
                        self._deliver(state, sender, batch)
                except Exception:
                    # The thread must live: what it had at hand is counted as lost, what waits is sent.
                    log.exception("a batch was lost")
                    self._done(state, state.sending, dropped_failed=state.sending)
        finally:
            sender.close()

    def _next(self, state: _State) -> list[Item] | None:
        """What to send next, once there is enough of it or it waited long enough; None when there will be no more."""
        with state.changed:
            state.changed.wait_for(
                lambda: state.hurry or state.until is not None or len(state.waiting) >= self._size, timeout=self._every
            )
            items = [state.waiting.popleft() for _ in range(min(len(state.waiting), self._size))]
            state.sending = len(items)
            if not items:
                state.hurry = False
            return items if items or state.until is None else None

    def _batches(self, state: _State, items: Sequence[Item]) -> list[_Batch]:
        encoded: dict[To, list[bytes]] = {}
        for to, fields in items:
            try:
                encoded.setdefault(to, []).append(encode(fields))
            except (TypeError, ValueError, AttributeError, RecursionError) as error:
                self._done(state, 1, dropped_invalid=1)
                self._say("an event was dropped: %s", error)
        return [_batch(to, some) for to, some in encoded.items() if some]

    def _deliver(self, state: _State, sender: Sender, batch: _Batch) -> None:
        """Send a batch until there is an answer for it, or no more time."""
        tries = 0
        while True:
            answer = sender.post(batch.to.path, self._body(batch), batch.key)
            if answer.meaning is Meaning.SMALLER and len(batch.items) > 1:
                for half in batch.halves():
                    self._deliver(state, sender, half)
                return
            if answer.meaning is not Meaning.AGAIN:
                self._settle(state, batch, answer)
                return
            self._say("burnline did not take what was sent, which is sent again: %s", answer.reason)
            seconds = pause(tries, answer.pause_seconds)
            tries += 1
            with state.changed:
                self._count(state, "retries", 1)
                if not self._paused(state, seconds):
                    self._count(state, "dropped_closed", len(batch.items))
                    state.sending -= len(batch.items)
                    state.changed.notify_all()
                    return

    @staticmethod
    def _paused(state: _State, seconds: float) -> bool:
        """Wait; false when the client is closed and its time is over."""
        until = time.monotonic() + seconds
        while (left := min(until, state.until or until) - time.monotonic()) > 0:
            state.changed.wait(left)
        return state.until is None or time.monotonic() < state.until

    def _body(self, batch: _Batch) -> bytes:
        name = f',"{ITEMS[batch.to.path]}":['.encode()
        return encode(batch.to.head(self.service))[:-1] + name + b",".join(batch.items) + b"]}"

    def _settle(self, state: _State, batch: _Batch, answer: Answer) -> None:
        size = len(batch.items)
        if answer.meaning is not Meaning.KEPT:
            self._done(state, size, dropped_failed=size)
            self._say("burnline refused a batch: %s", answer.reason)
            return
        receipt = answer.receipt
        refused = _number(receipt, "refused_count")
        if refused:
            self._say("burnline refused %s of a batch: %s", refused, receipt.get("refused"))
        if _number(receipt, "unknown_features_count"):
            self._say("burnline does not know these features, and drops them: %s", receipt.get("unknown_features"))
        if dropped := _number(receipt, "dropped"):
            self._say("burnline had no room for %s samples; lower signals.skew.sample", dropped)
        if note := receipt.get("note"):
            self._say("%s", note)
        self._done(
            state,
            size,
            acknowledged=size - refused,
            refused=refused,
            duplicates=_number(receipt, "duplicates"),
            late=_number(receipt, "late"),
        )

    def _done(self, state: _State, size: int, **counts: int) -> None:
        with state.changed:
            state.sending -= size
            for name, count in counts.items():
                self._count(state, name, count)
            state.changed.notify_all()

    @staticmethod
    def _count(state: _State, name: str, count: int) -> None:
        if count:
            state.counts[name] += count

    def _say(self, message: str, *about: Any) -> None:
        """A warning, once a minute: whoever predicts has other things to log."""
        if time.monotonic() - self._said_at >= SAID_EVERY_SECONDS:
            self._said_at = time.monotonic()
            log.warning(message, *(str(each)[:500] for each in about))

    def _begin_anew(self) -> None:
        self._state = _State()


def _batch(to: To, items: Sequence[bytes]) -> _Batch:
    return _Batch(to, items, uuid.uuid4().hex)


def _number(receipt: Mapping[str, Any], name: str) -> int:
    value = receipt.get(name, 0)
    return value if isinstance(value, int) else 0


_clients: weakref.WeakSet[Client] = weakref.WeakSet()


def _after_fork() -> None:
    for client in list(_clients):
        client._begin_anew()  # noqa: SLF001


def _at_exit() -> None:
    for client in list(_clients):
        client.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)

"""Where detectors have their windows judged by a library: one worker for each, and nobody waits who need not."""

from __future__ import annotations

import logging
import queue
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from burnline.detectors.engines.process import Answer, Limits, Worker, WorkerError

log = logging.getLogger(__name__)

WAITING = 50  # windows that may wait for one library
REMEMBERED = 200  # answers not fetched yet
JUDGED, ERROR, FAILED, TOO_MANY = "judged", "error", "failed", "too_many"  # what becomes of a window
Question = tuple[dict[str, object], bytes]
Tell = Callable[[str, str], None]


@dataclass(slots=True)
class _Answered:
    done: threading.Event = field(default_factory=threading.Event)
    said: Answer | WorkerError | None = None


class Desk:
    """Questions to libraries, answered one after the other by their workers, in threads of the desk's own.

    Args:
        pythons: the interpreter that has the library, by its name; this one where none is named.
        tell: is told of every window, by library, what became of it: one of the words above.
    """

    def __init__(
        self, pythons: Mapping[str, str] | None = None, limits: Limits | None = None, tell: Tell = lambda *_: None
    ) -> None:
        self._pythons, self._limits, self._tell = pythons or {}, limits or Limits(), tell
        self._lock = threading.Lock()
        self._workers: dict[str, Worker] = {}
        self._waiting: dict[str, queue.SimpleQueue[tuple[_Answered, Callable[[], Question]] | None]] = {}
        self._answers: OrderedDict[tuple[str, bytes], _Answered] = OrderedDict()

    def ready(self, library: str, key: bytes, question: Callable[[], Question]) -> bool:
        """Whether the answer to the question that `key` names is there; it is asked when it was not yet."""
        return self._asked(library, key, question).done.is_set()

    def answer(self, library: str, key: bytes, question: Callable[[], Question]) -> Answer:
        """The answer, waited for; it is forgotten then.

        Raises: WorkerError when there is none.
        """
        asked = self._asked(library, key, question)
        asked.done.wait()
        with self._lock:
            self._answers.pop((library, key), None)
        if isinstance(asked.said, Answer):
            return asked.said
        raise WorkerError(str(asked.said))

    def close(self) -> None:
        """End the workers; what was asked stays unanswered."""
        with self._lock:
            waiting, workers = list(self._waiting.values()), list(self._workers.values())
            self._waiting, self._workers = {}, {}
        for one in waiting:
            one.put(None)
        for worker in workers:
            worker.kill()

    def _asked(self, library: str, key: bytes, question: Callable[[], Question]) -> _Answered:
        with self._lock:
            known = self._answers.get((library, key))
            if known is not None:
                return known
            asked = self._answers[library, key] = _Answered()
            while len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
            waiting = self._open(library)
            if waiting.qsize() >= WAITING:
                asked.said = WorkerError(f"{WAITING} windows wait for {library} already: it is slower than they come")
                asked.done.set()
                self._tell(library, TOO_MANY)
            else:
                waiting.put((asked, question))
            return asked

    def _open(self, library: str) -> queue.SimpleQueue[tuple[_Answered, Callable[[], Question]] | None]:
        if library not in self._waiting:
            self._waiting[library] = queue.SimpleQueue()
            python = self._pythons.get(library) or sys.executable
            worker = self._workers[library] = Worker(library, python, self._limits)
            threading.Thread(
                target=_serve, args=(worker, self._waiting[library], self._tell), name=f"worker-{library}", daemon=True
            ).start()
        return self._waiting[library]


def _serve(
    worker: Worker, waiting: queue.SimpleQueue[tuple[_Answered, Callable[[], Question]] | None], tell: Tell
) -> None:
    while (one := waiting.get()) is not None:
        asked, question = one
        try:
            asked.said = worker.ask(*question())
        except WorkerError as error:
            asked.said = error
        except Exception as error:  # whatever it is, the next question must be answered
            log.exception("worker cannot be asked", extra={"library": worker.library})
            asked.said = WorkerError(f"cannot be asked: {error!r}")
        tell(worker.library, _outcome(asked.said))
        asked.done.set()
    worker.close()


def _outcome(said: Answer | WorkerError) -> str:
    if isinstance(said, WorkerError):
        return FAILED
    return ERROR if said.error else JUDGED

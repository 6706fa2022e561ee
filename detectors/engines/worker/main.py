"""The worker: `python -I main.py LIBRARY PARENT MEMORY` answers one message after the other until its input ends.

Its standard output is kept for messages; what a library prints goes to standard error.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

sys.path.insert(0, str(Path(__file__).parent))  # -I takes it out; files here import each other by their own names

import fences
import frames

ADAPTERS = {"evidently": "with_evidently", "alibi": "with_alibi"}


def main() -> None:
    """Fences first, then the library: its import counts, and may try to talk as well."""
    library, parent, memory = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    fences.end_with(parent)
    fences.bounded(memory)
    fences.no_network()
    serve(sys.stdin.buffer, answers, library)


def serve(questions: BinaryIO, answers: BinaryIO, library: str) -> None:
    """One answer for each question; what fails in the library is said, and the worker goes on."""
    adapter: Any = None
    while (question := frames.read_frame(questions.read)) is not None:
        head, body = question
        try:
            adapter = adapter or __import__(ADAPTERS[library])
            said, page = adapter.answer(head, body) if head["op"] == "judge" else (adapter.about(), b"")
        except MemoryError:
            said, page = {"error": "out of memory; BURNLINE_ENGINE_MEMORY_MB says how much it may take"}, b""
        except Exception as error:  # noqa: BLE001 - whatever a library raises is its answer
            said, page = {"error": f"{type(error).__name__}: {error}"[:500]}, b""
        answers.write(frames.frame({**said, "blocked": fences.BLOCKED}, page))
        answers.flush()


if __name__ == "__main__":
    main()

"""What became of what was handed to a client."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stats:
    """Events and labels of one client in this process.

    Attributes:
        taken: handed over, and not dropped at once.
        waiting: taken, and not yet answered for.
        acknowledged: on burnline's disk; `duplicates` and `late` are among them.
        refused: burnline said what is wrong with them (the log has the first reasons).
        dropped_full: the buffer had no room: burnline was away too long, or is too slow.
        dropped_invalid: no JSON could be made of them.
        dropped_failed: burnline refused the whole batch they were in.
        dropped_closed: still waiting when the client was closed.
        retries: batches sent again.
    """

    taken: int = 0
    waiting: int = 0
    acknowledged: int = 0
    duplicates: int = 0
    late: int = 0
    refused: int = 0
    dropped_full: int = 0
    dropped_invalid: int = 0
    dropped_failed: int = 0
    dropped_closed: int = 0
    retries: int = 0

    @property
    def dropped(self) -> int:
        """All that never reached burnline."""
        return self.dropped_full + self.dropped_invalid + self.dropped_failed + self.dropped_closed

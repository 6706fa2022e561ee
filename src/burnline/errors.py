"""Every error burnline raises on purpose.

BurnlineError
├── SpecError              a file the user wrote is wrong; carries every problem found
├── SecretError            a secret is not where a file says it is kept
├── StoreError             the database failed; `.retryable` says whether trying again can help
│   └── Fenced             this worker no longer owns the row it tried to write
├── SourceError            an Alertmanager or a Prometheus could not say what fires
├── CollectorError         a collector could not read its source
│   └── NoData             the source is there but has nothing to say; not a failure
│       └── NotAsked       and nobody declared it: not worth a line
├── PayloadError           bytes from outside are not what the door accepts
│   ├── PayloadTooLarge    ... because they are too many, before or after decompression
│   ├── PayloadTooSlow     ... because they do not come to an end in time
│   ├── PayloadBusy        ... because bodies of others take what memory there is for them
│   ├── PayloadWrong       ... because of what stands in a field
│   └── PayloadUnsupported ... because of their media type or encoding
├── ActionError            a hook or step failed; `.permanent` says that a retry cannot help
│   ├── InDoubt            nobody knows whether the change took effect
│   └── Moved              somebody changed the target since the change was planned
└── DecisionRefused        a person's decision on an approval cannot be taken
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class BurnlineError(Exception):
    """The root: catching it catches everything burnline raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file: where it stands, what was found, what would be accepted."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"


class SpecError(BurnlineError):
    """A file the user wrote cannot be used; `problems` lists every reason, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SecretError(BurnlineError):
    """A secret is not where its reference says, or empty; the message names the reference alone."""


class StoreError(BurnlineError):
    """The database refused or failed; nothing of the transaction was kept."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        self.retryable = retryable
        super().__init__(message)


class Fenced(StoreError):
    """Another worker took the row over (a newer epoch); stop at once and write nothing more."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class SourceError(BurnlineError):
    """An Alertmanager or a Prometheus could not say what fires; the message names it and the reason."""


class CollectorError(BurnlineError):
    """A collector could not read its source; the other collectors go on."""


class NoData(CollectorError):
    """The source is there but has nothing to say (no GPU, no pressure files): quiet, not a failure."""


class NotAsked(NoData):
    """Nor does anybody wait for it: nothing was declared and nothing came, which is not worth a line anywhere."""


class PayloadError(BurnlineError):
    """Bytes from outside are not what this door accepts; the message says what would be."""


class PayloadTooLarge(PayloadError):
    """The body is larger than the door's limit, counted after decompression."""


class PayloadTooSlow(PayloadError):
    """The body did not come to its end by the deadline."""


class PayloadBusy(PayloadError):
    """Bodies of others take all the memory that bodies may; sent again later, this one may be taken."""


class PayloadWrong(PayloadError):
    """The body can be read, but a field holds what the door does not take; the message names each."""


class PayloadUnsupported(PayloadError):
    """The body's media type or encoding is none that this door reads."""


class ActionError(BurnlineError):
    """A hook or step failed.

    Attributes:
        permanent: a retry cannot help (bad configuration, unknown target); the run escalates.
    """

    def __init__(self, message: str, *, permanent: bool) -> None:
        self.permanent = permanent
        super().__init__(message)


class InDoubt(ActionError):
    """A change was sent and no answer came: it may have taken effect. Only an idempotent hook is asked again."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=False)


class Moved(ActionError):
    """The target is neither what it was when the change was planned nor what the change would make it: left alone."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class DecisionRefused(BurnlineError):
    """A vote that cannot count: already decided, expired, or given on a plan that has changed."""

"""The one sketch: additive whole-number counts. Merging is addition, so order, sharding and replay change no bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from burnline.errors import PayloadError

Counter64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """Counts of one detector over some events.

    Attributes:
        of: names the detector and the reference the counts were made for; only equal ones add up.
        counts: `counts[0]` is the number of events; the detector knows what the rest means.
    """

    of: str
    counts: Counter64

    @property
    def events(self) -> int:
        return int(self.counts[0])

    def __add__(self, other: Self) -> Self:
        if self.of != other.of:
            raise PayloadError(f"cannot add counts of {other.of} to counts of {self.of}")
        return type(self)(self.of, self.counts + other.counts)

    def encode(self) -> bytes:
        """The same counts give the same bytes, on every machine: 8 bytes a count."""
        return msgspec.msgpack.encode((self.of, self.counts.astype("<i8").tobytes()))

    def decode(self, body: bytes) -> Self:
        """Read counts of the same kind as these.

        Raises: PayloadError when `body` is damaged or was counted against another reference.
        """
        try:
            of, counts = msgspec.msgpack.decode(body, type=tuple[str, bytes])
        except msgspec.MsgspecError as error:
            raise PayloadError(f"not a sketch: {error}") from error
        if of != self.of or len(counts) != 8 * len(self.counts):
            raise PayloadError(f"counts of {of}; needs {self.of}")
        return type(self)(of, np.frombuffer(counts, dtype="<i8").astype(np.int64))

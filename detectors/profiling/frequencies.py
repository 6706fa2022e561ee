"""How often each label occurs, exactly, however many different ones there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from heapq import nsmallest
from pathlib import Path
from zlib import crc32

import msgspec

PARTS = 64
LONGEST = 256  # characters a label that the room was made for

Found = tuple[str, int]


class Frequencies:
    """Counts of labels. Those beyond `room` go to disk, in PARTS by a hash; each part is added up alone."""

    def __init__(self, path: Path, room: int) -> None:
        self._path = path
        self._room = room
        self._held: Counter[str] = Counter()
        self._characters = 0
        self._spilled = False
        self._first = ""
        self.total = 0

    def add(self, counts: Mapping[str, int]) -> None:
        if not self.total:
            self._first = next(iter(counts), "")
        self._held.update(counts)
        self.total += sum(counts.values())
        self._characters += sum(map(len, counts))
        if len(self._held) > self._room or self._characters > LONGEST * self._room:
            self._spill()

    def any(self) -> str:
        """One of the labels."""
        return self._first

    def repeated(self, most: int) -> list[Found]:
        """The labels that occurred more than once, most frequent first, by name where equally often; `most` of them."""
        found: list[Found] = []
        for part in self._parts():
            again = ((label, count) for label, count in part.items() if count > 1)
            found = nsmallest(most, [*found, *again], key=lambda each: (-each[1], each[0]))
        return found

    def _parts(self) -> Iterator[Mapping[str, int]]:
        if not self._spilled:
            yield self._held
            return
        self._spill()
        for at in range(PARTS):
            counted: Counter[str] = Counter()
            for label, count in self._read(at):
                counted[label] += count
            yield counted

    def _spill(self) -> None:
        parts: list[list[Found]] = [[] for _ in range(PARTS)]
        for label, count in self._held.items():
            parts[crc32(label.encode("utf-8", "surrogatepass")) % PARTS].append((label, count))
        for at, part in enumerate(parts):
            with self._file(at).open("ab") as file:
                for label, count in part:
                    line = msgspec.msgpack.encode((label.encode("utf-8", "surrogatepass"), count))
                    file.write(len(line).to_bytes(4, "little") + line)
        self._held, self._characters, self._spilled = Counter(), 0, True

    def _read(self, at: int) -> Iterable[Found]:
        decoder = msgspec.msgpack.Decoder(tuple[bytes, int])
        with self._file(at).open("rb") as file:
            while head := file.read(4):
                label, count = decoder.decode(file.read(int.from_bytes(head, "little")))
                yield label.decode("utf-8", "surrogatepass"), count

    def _file(self, at: int) -> Path:
        return self._path.with_suffix(f".{at}")

"""TCP and sockets: /proc/net/snmp, netstat, sockstat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from burnline.collectors.host.files import Files, count
from burnline.events import Sample
from burnline.metrics import host as names

COUNTED = {
    ("Tcp", "OutSegs"): names.TCP_SENT,
    ("Tcp", "RetransSegs"): names.TCP_RETRANSMITS,
    ("Tcp", "CurrEstab"): names.TCP_ESTABLISHED,
    ("TcpExt", "ListenOverflows"): names.TCP_LISTEN_OVERFLOWS,
    ("TcpExt", "ListenDrops"): names.TCP_LISTEN_DROPS,
}
GROUPS = frozenset(group for group, _ in COUNTED)
KINDS = {
    ("sockets", "used"): "all",
    ("TCP", "inuse"): "tcp",
    ("TCP", "orphan"): "tcp_orphan",
    ("TCP", "tw"): "tcp_time_wait",
    ("UDP", "inuse"): "udp",
}


def read_sockets(files: Files) -> list[Sample]:
    """Of the host's network, also where this process has one of its own."""
    return [
        *_first(files, "snmp", _pairs),
        *_first(files, "netstat", _pairs),
        *_first(files, "sockstat", _sockstat),
    ]


def _first(files: Files, name: str, read: Callable[[list[str]], Iterable[Sample]]) -> list[Sample]:
    return files.parse(f"proc/1/net/{name}", read) or files.parse(f"proc/net/{name}", read)


def _pairs(lines: list[str]) -> Iterator[Sample]:
    """Two lines a group: its fields, then their values."""
    for headings, values in zip(lines[::2], lines[1::2], strict=True):
        group, _, fields = headings.partition(":")
        if group in GROUPS:
            for field, value in zip(fields.split(), values.partition(":")[2].split(), strict=True):
                if name := COUNTED.get((group, field)):
                    yield Sample(name, {}, count(value))


def _sockstat(lines: list[str]) -> Iterator[Sample]:
    """`TCP: inuse 19 orphan 0 tw 294 alloc 20 mem 94`."""
    for line in filter(None, lines):
        group, _, rest = line.partition(":")
        words = rest.split()
        for field, value in zip(words[::2], words[1::2], strict=True):
            if kind := KINDS.get((group, field)):
                yield Sample(names.SOCKETS, {"kind": kind}, count(value))

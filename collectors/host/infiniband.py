"""InfiniBand and RoCE ports: /sys/class/infiniband."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from burnline.collectors.host.files import Files, count
from burnline.events import Sample
from burnline.metrics import host as names

ROOT = "sys/class/infiniband"
WORD_BYTES = 4  # the architecture counts data in words: InfiniBand Architecture Specification, PortXmitData
GIGABIT_BYTES = 125_000_000

COUNTERS: Mapping[str, tuple[str, Mapping[str, str], int]] = {
    "port_rcv_data": (names.INFINIBAND_RECEIVED, {}, WORD_BYTES),
    "port_xmit_data": (names.INFINIBAND_SENT, {}, WORD_BYTES),
    "port_rcv_packets": (names.INFINIBAND_PACKETS, {"direction": "receive"}, 1),
    "port_xmit_packets": (names.INFINIBAND_PACKETS, {"direction": "send"}, 1),
    "port_xmit_wait": (names.INFINIBAND_WAIT, {}, 1),
    "link_downed": (names.INFINIBAND_DOWNED, {}, 1),
    "link_error_recovery": (names.INFINIBAND_RECOVERIES, {}, 1),
    "symbol_error": (names.INFINIBAND_ERRORS, {"kind": "symbol"}, 1),
    "port_rcv_errors": (names.INFINIBAND_ERRORS, {"kind": "receive"}, 1),
    "port_xmit_discards": (names.INFINIBAND_ERRORS, {"kind": "send_discarded"}, 1),
    "local_link_integrity_errors": (names.INFINIBAND_ERRORS, {"kind": "local_integrity"}, 1),
    "excessive_buffer_overrun_errors": (names.INFINIBAND_ERRORS, {"kind": "buffer_overrun"}, 1),
}
HARDWARE = {
    "np_cnp_sent": "cnp_sent",
    "rp_cnp_handled": "cnp_handled",
    "np_ecn_marked_roce_packets": "ecn_marked",
    "out_of_sequence": "out_of_sequence",
    "packet_seq_err": "packet_sequence_error",
    "roce_adp_retrans": "adaptive_retransmit",
    "local_ack_timeout_err": "ack_timeout",
}


def read_infiniband(files: Files) -> list[Sample]:
    """Every port of every device; a counter that the device does not have is absent."""
    return [
        sample
        for device in files.entries(ROOT)
        for port in files.entries(f"{ROOT}/{device}/ports")
        for sample in _port(files, device, port)
    ]


def _port(files: Files, device: str, port: str) -> Iterator[Sample]:
    folder, of = f"{ROOT}/{device}/ports/{port}", {"device": device, "port": port}
    info = {
        "link_layer": files.word(f"{folder}/link_layer") or "",
        "firmware": files.word(f"{ROOT}/{device}/fw_ver") or "",
    }
    yield Sample(names.INFINIBAND_INFO, {**of, **info}, 1)
    yield from _number(files, f"{folder}/state", names.INFINIBAND_STATE, of)
    yield from _number(files, f"{folder}/phys_state", names.INFINIBAND_PHYSICAL, of)
    yield from _rate(files, f"{folder}/rate", of)
    there = frozenset(files.entries(f"{folder}/counters"))
    for file, (name, labels, scale) in COUNTERS.items():
        if file in there and (value := files.number(f"{folder}/counters/{file}")) is not None:
            yield Sample(name, {**of, **labels}, value * scale)
    there = frozenset(files.entries(f"{folder}/hw_counters"))
    for file, kind in HARDWARE.items():
        if file in there and (value := files.number(f"{folder}/hw_counters/{file}")) is not None:
            yield Sample(names.ROCE_EVENTS, {**of, "kind": kind}, value)


def _number(files: Files, file: str, name: str, of: Mapping[str, str]) -> list[Sample]:
    """`4: ACTIVE`."""
    return files.parse(file, lambda lines: [Sample(name, of, count(lines[0].partition(":")[0]))])


def _rate(files: Files, file: str, of: Mapping[str, str]) -> list[Sample]:
    """`100 Gb/sec (4X EDR)`, `2.5 Gb/sec (1X SDR)`."""

    def read(lines: list[str]) -> Iterator[Sample]:
        number, unit, *_ = lines[0].split()
        whole, _, tenths = number.partition(".")
        if unit != "Gb/sec":
            raise ValueError(f"{unit[:40]!r} is not Gb/sec")
        bits = count(whole) + (count(tenths) / 10 ** len(tenths) if tenths else 0)
        yield Sample(names.INFINIBAND_RATE, of, bits * GIGABIT_BYTES)

    return files.parse(file, read)

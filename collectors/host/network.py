"""Network interfaces: /proc/net/dev, /sys/class/net."""

from __future__ import annotations

from collections.abc import Iterator

from burnline.collectors.host.files import Files, count
from burnline.events import Sample
from burnline.metrics import host as names

DEV = ("proc/1/net/dev", "proc/net/dev")  # the host's, also where this process has a network of its own
LINKS = "sys/class/net"
# The host's ends of containers' links: each container brings one, and all they carry goes over another interface.
OF_CONTAINERS = ("veth", "cali", "lxc", "eni")
UP = {"up": 1, "down": 0, "lowerlayerdown": 0, "notpresent": 0, "dormant": 0, "testing": 0}  # `unknown` is absent
MEGABIT_BYTES = 125_000


def read_network(files: Files) -> list[Sample]:
    """Traffic, errors and losses of every interface but the loopback and those of containers."""
    for name in DEV:
        if traffic := files.parse(name, _dev):
            return traffic
    return []


def read_links(files: Files) -> list[Sample]:
    """Whether they have a link, and its speed, which the kernel asks the card for."""
    return [sample for interface in files.entries(LINKS) for sample in _link(files, interface)]


def is_counted(interface: str) -> bool:
    """Whether it is an interface of the host that others do not count already."""
    return interface != "lo" and not interface.startswith(OF_CONTAINERS)


def _dev(lines: list[str]) -> Iterator[Sample]:
    for line in filter(None, lines[2:]):  # two lines of headings
        name, _, counts = line.rpartition(":")
        interface = name.strip()
        if not is_counted(interface):
            continue
        received, receive_packets, receive_errors, receive_drops, _, _, _, _, sent, packets, errors, drops, *_ = map(
            count, counts.split()
        )
        on = {"interface": interface}
        receive, send = {**on, "direction": "receive"}, {**on, "direction": "send"}
        yield Sample(names.NETWORK_RECEIVED, on, received)
        yield Sample(names.NETWORK_SENT, on, sent)
        yield Sample(names.NETWORK_PACKETS, receive, receive_packets)
        yield Sample(names.NETWORK_PACKETS, send, packets)
        yield Sample(names.NETWORK_ERRORS, receive, receive_errors)
        yield Sample(names.NETWORK_ERRORS, send, errors)
        yield Sample(names.NETWORK_DROPS, receive, receive_drops)
        yield Sample(names.NETWORK_DROPS, send, drops)


def _link(files: Files, interface: str) -> Iterator[Sample]:
    if not is_counted(interface):
        return
    folder, on = f"{LINKS}/{interface}", {"interface": interface}
    state = files.word(f"{folder}/operstate")
    if state in UP:
        yield Sample(names.NETWORK_UP, on, UP[state])
    speed = files.word(f"{folder}/speed")
    if speed and speed.isdigit() and speed != "4294967295":  # without a link it is -1, by some drivers unsigned
        yield Sample(names.NETWORK_SPEED, on, count(speed) * MEGABIT_BYTES)
    if files.exists(f"{folder}/bonding") and (links := files.word(f"{folder}/bonding/slaves")) is not None:
        states = [files.word(f"{folder}/lower_{link}/bonding_slave/mii_status") for link in links.split()]
        yield Sample(names.BOND_LINKS, on, len(states))
        yield Sample(names.BOND_LINKS_UP, on, states.count("up"))

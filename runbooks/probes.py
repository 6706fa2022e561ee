"""Probes: read-only looks that a service file names. What they say is data for the record, cut to a bounded length."""

from __future__ import annotations

import os

from burnline.errors import ActionError, InDoubt
from burnline.runbooks.actions.outbound import get
from burnline.runbooks.actions.process import run_program
from burnline.runbooks.params import substitute
from burnline.spec.probe import CommandProbeSpec, HttpProbeSpec, ProbeSpec

UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"
MOST = 4000  # characters kept, from the end: what happened last matters most


def look(probe: ProbeSpec, service: str) -> str:
    """What a probe says now. Raises: ActionError when it does not answer."""
    try:
        said = _run(probe.command, service) if probe.command else _read(probe.http)
    except InDoubt as error:
        raise ActionError(str(error), permanent=False) from error
    return "".join(each if each.isprintable() or each in "\n\t" else UNPRINTABLE for each in said[-MOST:])


def _run(probe: CommandProbeSpec, service: str) -> str:
    environment = {name: os.environ[name] for name in probe.env if name in os.environ}
    argv = substitute(list(probe.argv), {"service": service})
    ended = run_program(argv, stdin=b"", environment=environment, timeout=probe.timeout)
    if ended.code != 0:
        raise ActionError(f"{argv[0]} ended with {ended.code}", permanent=False)
    return ended.output


def _read(probe: HttpProbeSpec | None) -> str:
    assert probe is not None  # noqa: S101 - one of the two
    return get(probe.url, timeout=probe.timeout).body.decode(errors="replace")

"""The command hook: a program on this host that takes a release back.

It is given {"service", "to", "key", "epoch"} as JSON on stdin, and the same values in its `argv` slots. Exit code 0 is
done, 75 (EX_TEMPFAIL) is tried again, anything else is refused for good.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from burnline.errors import ActionError, InDoubt
from burnline.runbooks.actions.contract import PREVIOUS, Plan
from burnline.runbooks.actions.process import Exit, Limits, last_line, run_program
from burnline.runbooks.params import substitute
from burnline.spec.hooks import CommandHookSpec
from burnline.spec.words import shown

TRY_AGAIN = 75
MAX_VERSION = 200
OBSERVE_TIMEOUT = timedelta(seconds=10)


class CommandHook:
    """Runs the program the service file names, and no other."""

    kind = "command"

    def __init__(self, spec: CommandHookSpec, service: str) -> None:
        self._spec = spec
        self._service = service
        self.target = f"{spec.argv[0]}#{service}"
        self.idempotent = spec.idempotent

    def observe(self) -> str | None:
        """What `observe` prints; None without it in the service file."""
        if self._spec.observe is None:
            return None
        argv = substitute(list(self._spec.observe), {"service": self._service})
        try:
            ended = self._run(argv, b"", min(self._spec.timeout, OBSERVE_TIMEOUT))
        except InDoubt as error:
            raise ActionError(str(error), permanent=False) from error
        version = ended.output.strip()
        if not (0 < len(version) <= MAX_VERSION and version.isprintable()):
            raise ActionError(f"{argv[0]} printed {shown(version)}, which is no version", permanent=True)
        return version

    def changed_at(self) -> datetime | None:
        """Not known."""
        return None

    def plan(self, target: str) -> Plan:
        """What the program will be told; what `previous` is, it must know itself."""
        return Plan(self.kind, self.target, self.observe(), target)

    def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: datetime) -> bool:
        """Run the program. Raises: ActionError, InDoubt."""
        values = {"service": self._service, "to": target, "key": idempotency_key}
        stdin = json.dumps({**values, "epoch": epoch}).encode() + b"\n"
        self._run(substitute(list(self._spec.argv), values), stdin, self._spec.timeout)
        return True

    def verify(self, target: str) -> bool:
        """Whether `target` serves; what cannot be observed is left to the SLI."""
        return target == PREVIOUS or self.observe() in (None, target)

    def _run(self, argv: Sequence[str], stdin: bytes, timeout: timedelta) -> Exit:
        ended = run_program(
            argv,
            stdin=stdin,
            environment=self._environment(),
            timeout=timeout,
            limits=self._limits(),
            user=self._spec.user,
        )
        if ended.code == 0:
            return ended
        said = f": {last_line(ended)!r}" if last_line(ended) else ""
        raise ActionError(f"{argv[0]} {ended.how}{said}", permanent=ended.code != TRY_AGAIN)

    def _limits(self) -> Limits:
        wanted = self._spec.limits
        return Limits(wanted.cpu, wanted.memory, wanted.file_size, wanted.open_files, wanted.processes)

    def _environment(self) -> Mapping[str, str]:
        return {name: os.environ[name] for name in self._spec.env if name in os.environ}

"""`host` in `collect`, with where the machine's files are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

from burnline.spec.strict import Strict
from burnline.spec.words import shown


def _absolute(value: str) -> str:
    if not value.startswith("/") or "\0" in value or ".." in value.split("/"):
        raise ValueError(f"{shown(value)} is no absolute path; write one as in /host/proc")
    return value


Folder = Annotated[str, AfterValidator(_absolute)]


class HostPlaces(Strict):
    """Where the trees of the machine are seen by this process; in a container those of the host are mounted elsewhere.

    Attributes:
        root: where the filesystems are that the machine has mounted.
        cgroups: which are watched beside burnline's own, by their path below the root of cgroups.
    """

    proc: Folder = "/proc"
    sys: Folder = "/sys"
    root: Folder = "/"
    cgroups: tuple[Folder, ...] = ()


class HostSpec(Strict):
    """The machine, read elsewhere than where a machine has itself."""

    host: HostPlaces


def host_of(items: Iterable[object]) -> HostPlaces | None:
    """Where the items of `collect` have the machine read; None when they do not."""
    found = None
    for item in items:
        if isinstance(item, HostSpec):
            return item.host
        if item == "host":
            found = HostPlaces()
    return found

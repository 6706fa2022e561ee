"""Which engine judges a signal, and what is wrong with the choice."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from burnline.detectors.contract import Detector
from burnline.detectors.engines.catalogue import BURNLINE, LIBRARIES
from burnline.detectors.engines.desk import Desk
from burnline.detectors.engines.drift import LibraryDrift
from burnline.detectors.engines.installed import Unavailable, installed, load_installed
from burnline.detectors.profile import Reference
from burnline.spec.place import Flaw
from burnline.spec.service import ServiceSpec
from burnline.spec.signals import CustomSpec, DriftSpec, EngineSpec
from burnline.spec.words import choice, did_you_mean

log = logging.getLogger(__name__)

ONLINE = "{} goes on from window to window, sees the sampled rows of one in an order drawn by lot, and begins anew, "
ONLINE += "as the finding then says, when its process starts again"


def with_engine(
    signal: str, reference: Reference, section: object, desk: Desk | None, service: str = ""
) -> Detector | None:
    """The detector of a section that names another engine than burnline itself; None when it does not.

    Args:
        service: whose windows these are: tests of streams go on from one to the next of the same service.
    """
    if not isinstance(section, EngineSpec) or section.engine == BURNLINE:
        return None
    if isinstance(section, DriftSpec) and section.engine in LIBRARIES:
        if desk is None:
            return Unavailable(section.window, f"this process asks no {section.engine}")
        return LibraryDrift(reference, section, desk, service)
    try:
        return load_installed(section.engine)(reference, section)
    except Exception as error:  # code of others: whatever it does must not stop the service
        log.exception("detector cannot be had", extra={"signal": signal, "engine": section.engine})
        return Unavailable(section.window, f"the engine {section.engine} cannot be had: {error}")


def engine_flaws(spec: ServiceSpec) -> Iterator[Flaw]:
    """Engines and checks that there are not, at their places in the service file."""
    for place, section in engine_sections(spec):
        custom = isinstance(section, CustomSpec)
        names = sorted(installed()) if custom else [BURNLINE, *LIBRARIES, *sorted(installed())]
        if section.engine not in names:
            hint = did_you_mean(section.engine, names)
            known = f"accepted: {choice(names)}" if names else "none is installed"
            yield Flaw((*place, "engine"), f"{section.engine!r} is no engine here; {known}{';' + hint if hint else ''}")
        yield from _checks(place, section)


def engine_notes(spec: ServiceSpec) -> Iterator[Flaw]:
    """What whoever chose an engine must know."""
    for place, section in engine_sections(spec):
        library = LIBRARIES.get(section.engine)
        if library and library.note:
            yield Flaw((*place, "engine"), library.note)
        for at, check in enumerate(section.checks):
            if library and check.named[0] in library.online:
                yield Flaw((*place, "checks", at), ONLINE.format(check.named[0]))


def rows_flaws(spec: ServiceSpec, reference: Reference) -> Iterator[Flaw]:
    """A library needs rows, and the reference has none."""
    for place, section in engine_sections(spec):
        if section.engine in LIBRARIES and reference.rows is None:
            why = f"{section.engine} compares rows and the reference has none; use `burnline profile --rows 2000`"
            yield Flaw((*place, "engine"), why)


def engine_sections(spec: ServiceSpec) -> Iterator[tuple[tuple[str, ...], EngineSpec]]:
    """The sections that name an engine, with their places."""
    for name in type(spec.signals).model_fields:
        section = getattr(spec.signals, name)
        if isinstance(section, EngineSpec):
            yield ("signals", name), section
    for name, section in spec.signals.custom.items():
        yield ("signals", "custom", name), section


def _checks(place: tuple[str, ...], section: EngineSpec) -> Iterator[Flaw]:
    library = LIBRARIES.get(section.engine)
    if library is None:
        if section.checks and section.engine == BURNLINE:
            yield Flaw((*place, "checks"), f"are for the engines {choice(list(LIBRARIES))}; burnline takes none")
        return
    for at, check in enumerate(section.checks):
        name, _ = check.named
        if name not in library.checks:
            names = sorted(library.checks)
            hint = did_you_mean(name, names)
            known = f"{name!r} is no check of {section.engine}; accepted: {choice(names)}"
            yield Flaw((*place, "checks", at), known + (f";{hint}" if hint else ""))

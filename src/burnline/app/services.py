"""Service files as every verb reads them: shaped, checked, and with SLOs that can work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path

from burnline.app.check_names import doubtful_names, unknown_names
from burnline.collectors.profiles.check import check_profiles
from burnline.detectors.engines.choose import engine_flaws, engine_notes
from burnline.detectors.engines.here import missing_libraries
from burnline.errors import Problem, SpecError
from burnline.slo import lint as slo_lint
from burnline.spec.document import Document
from burnline.spec.load import read_services
from burnline.spec.place import Flaw
from burnline.spec.service import ServiceSpec


def read_checked(path: Path) -> tuple[tuple[ServiceSpec, Document], ...]:
    """The services of a file or a folder, each with its document.

    Raises: SpecError with every problem of every file.
    """
    read = read_services(path)
    documents = {spec.service: document for spec, document in read}
    problems = [
        problem
        for spec, document in read
        for flaws in (slo_lint.lint(spec), check_profiles(spec))
        for problem in placed(flaws, document)
    ]
    for spec, flaw in slo_lint.lint_dependencies([spec for spec, _ in read]):
        problems += placed(iter([flaw]), documents[spec.service])
    if problems:
        raise SpecError(problems)
    return read


def load_checked(path: Path) -> tuple[ServiceSpec, ...]:
    """As `read_checked`, without the documents.

    Raises: SpecError with every problem of every file.
    """
    return tuple(spec for spec, _ in read_checked(path))


def slo_warnings(spec: ServiceSpec, document: Document) -> tuple[Problem, ...]:
    """What works, but not as its author may think, by line."""
    return placed(slo_lint.warn(spec), document)


def name_warnings(spec: ServiceSpec, document: Document) -> tuple[Problem, ...]:
    """Series of burnline's own that an SLO or a number asks for and nothing gives, by line.

    `burnline check` refuses names that do not exist; a service that is watched already goes on, and is told.
    """
    return placed((flaw for find in (unknown_names, doubtful_names) for flaw in find(spec)), document)


def engine_warnings(spec: ServiceSpec, document: Document, pythons: Mapping[str, str]) -> tuple[Problem, ...]:
    """Engines that are not here, and what whoever chose one must know, by line; a service goes on without.

    Args:
        pythons: as `missing_libraries`.
    """
    return placed(chain(engine_flaws(spec), engine_notes(spec), missing_libraries(spec, pythons)), document)


def placed(flaws: Iterable[Flaw], document: Document) -> tuple[Problem, ...]:
    """Flaws as problems of their file, in line order."""
    found = list(flaws)
    return document.error(found).problems if found else ()

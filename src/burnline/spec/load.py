"""Service files, from disk to frozen specs: read, shaped, checked, and refused with every problem at once."""

from __future__ import annotations

from pathlib import Path

from burnline.errors import Problem, SpecError
from burnline.spec.check import check
from burnline.spec.check_release import check_release
from burnline.spec.document import Document, read_document
from burnline.spec.hooks import HookSpec
from burnline.spec.host import HostPlaces, HostSpec
from burnline.spec.place import Place, dotted
from burnline.spec.problems import validate
from burnline.spec.service import ServiceSpec

SUFFIXES = (".yaml", ".yml")
FILE_HOOKS = ("alias", "flagd_file", "flag_file")


def load_service(path: Path) -> ServiceSpec:
    """The service of one file; paths in it are made absolute, from the file's folder.

    Raises: SpecError with every problem of the file, in line order.
    """
    return _read(path)[0]


def load_services(path: Path) -> tuple[ServiceSpec, ...]:
    """The services of a file, or of the *.yaml and *.yml files of a folder, in order of their file names.

    Raises: SpecError with every problem of every file.
    """
    return tuple(spec for spec, _ in read_services(path))


def read_services(path: Path) -> tuple[tuple[ServiceSpec, Document], ...]:
    """As `load_services`, each with its document, for whoever looks further and has to say where something stands.

    Raises: SpecError with every problem of every file.
    """
    read: list[tuple[ServiceSpec, Document]] = []
    problems: list[Problem] = []
    for file in _files(path):
        try:
            read.append(_read(file))
        except SpecError as error:
            problems += error.problems
    problems += _twice([document for _, document in read])
    problems += _claimed_twice(read)
    problems += _two_hosts(read)
    if problems:
        raise SpecError(problems)
    return tuple(read)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    try:
        names = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES and not file.name.startswith("."))
    except OSError as error:
        raise SpecError([Problem(str(path), 0, "", f"cannot be read: {error.strerror}")]) from error
    if not names:
        raise SpecError([Problem(str(path), 0, "", "holds no service file (*.yaml, *.yml)")])
    return names


def _twice(documents: list[Document]) -> list[Problem]:
    first: dict[str, Document] = {}
    problems = []
    for document in documents:
        name = document.data["service"]
        line = document.line(("service",))
        if other := first.get(name):
            where = f"{other.file}:{other.line(('service',))}"
            problems.append(
                Problem(document.file, line, dotted(("service",)), f"{name!r} is used twice; first in {where}")
            )
        first.setdefault(name, document)
    return problems


def _two_hosts(read: list[tuple[ServiceSpec, Document]]) -> list[Problem]:
    """There is one machine, and it is read once."""
    problems = []
    first: tuple[HostPlaces, str] | None = None
    for spec, document in read:
        for index, item in enumerate(spec.collect):
            if not isinstance(item, HostSpec):
                continue
            place: Place = ("collect", index, "host")
            first = first or (item.host, f"{document.file}:{document.line(place)}")
            if item.host != first[0]:
                message = (
                    f"says otherwise than {first[1]} where this machine is read; it is read once, for all services"
                )
                problems.append(Problem(document.file, document.line(place), dotted(place), message))
    return problems


def _claimed_twice(read: list[tuple[ServiceSpec, Document]]) -> list[Problem]:
    """What OpenTelemetry sends under one `service.name` can belong to one service only."""
    owner = {spec.service: spec.service for spec, _ in read}
    problems = []
    for spec, document in read:
        for index, name in enumerate(spec.telemetry.service_name):
            place: Place = ("telemetry", "service_name", index)
            if owner.setdefault(name, spec.service) != spec.service:
                message = f"{name!r} is the service {owner[name]} already; a name belongs to one service"
                problems.append(Problem(document.file, document.line(place), dotted(place), message))
    return problems


def _read(path: Path) -> tuple[ServiceSpec, Document]:
    document = read_document(path)
    spec = validate(ServiceSpec, document)
    if flaws := [*check(spec), *check_release(spec)]:
        raise document.error(flaws)
    return _absolute(spec, path.absolute().parent), document


def _absolute(spec: ServiceSpec, folder: Path) -> ServiceSpec:
    if spec.model and spec.model.reference:
        model = spec.model.model_copy(update={"reference": str(folder / spec.model.reference)})
        spec = spec.model_copy(update={"model": model})
    if (training := spec.signals.training_skew) and training.reference:
        training = training.model_copy(update={"reference": str(folder / training.reference)})
        spec = spec.model_copy(update={"signals": spec.signals.model_copy(update={"training_skew": training})})
    if (section := spec.signals.hallucination) and section.calibration:
        section = section.model_copy(update={"calibration": str(folder / section.calibration)})
        spec = spec.model_copy(update={"signals": spec.signals.model_copy(update={"hallucination": section})})
    if spec.release:
        release = spec.release.model_copy(update={"hook": _absolute_hook(spec.release.hook, folder)})
        spec = spec.model_copy(update={"release": release})
    actions = {name: _absolute_hook(hook, folder) for name, hook in spec.actions.items()}
    hooks = {name: _absolute_hook(hook, folder) for name, hook in spec.drill.hooks.items()}
    return spec.model_copy(update={"actions": actions, "drill": spec.drill.model_copy(update={"hooks": hooks})})


def _absolute_hook(hook: HookSpec, folder: Path) -> HookSpec:
    """A hook whose file stands by the service file, wherever burnline is started."""
    part = getattr(hook, hook.kind)
    if hook.kind not in FILE_HOOKS:
        return hook
    return hook.model_copy(update={hook.kind: part.model_copy(update={"file": str(folder / part.file)})})

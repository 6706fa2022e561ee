"""From a file or a folder to specs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from burnline.errors import BurnlineError, SpecError
from burnline.spec.load import load_service, load_services
from tests.spec.conftest import HEAD, Load

EXAMPLES = Path(__file__).parents[2] / "examples" / "services"


def write(folder: Path, name: str, service: str, body: str = "") -> Path:
    file = folder / name
    file.write_text(f"apiVersion: burnline/v1\nservice: {service}\nowner: team\n{body}")
    return file


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.name)
def test_the_examples_load(file: Path) -> None:
    assert load_service(file).slos


def test_a_service_is_its_file(load: Load) -> None:
    service = load(
        """\
        collect:
          - {url: "http://card-fraud:8000/metrics", interval: 5s}
          - host
        slos:
          - {name: slow, objective: 99%, window: 12h, sli: {latency: {histogram: h, below: 250ms}}}
        """
    )

    slo = service.slo("slow")
    assert slo is not None
    assert (slo.objective, slo.window) == (0.99, timedelta(hours=12))
    assert slo.sli.kind == "latency"
    assert service.slo("fast") is None


def test_paths_in_a_file_start_from_its_folder(load: Load, tmp_path: Path) -> None:
    service = load(
        """\
        model: {name: m, reference: profiles/m.json}
        release: {hook: {alias: {file: registry.json}}}
        """
    )

    assert service.model is not None
    assert service.model.reference == f"{tmp_path}/profiles/m.json"
    assert service.release is not None
    assert service.release.hook.alias is not None
    assert service.release.hook.alias.file == f"{tmp_path}/registry.json"
    assert service.release.hook.kind == "alias"


def test_an_absolute_path_stays(load: Load) -> None:
    service = load("model: {name: m, reference: /srv/m.json}")

    assert service.model is not None
    assert service.model.reference == "/srv/m.json"


def test_a_relative_file_name_gives_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a.yaml", "a", "model: {name: m, reference: m.json}\n")
    monkeypatch.chdir(tmp_path)

    service = load_service(Path("a.yaml"))

    assert service.model is not None
    assert service.model.reference == f"{tmp_path}/m.json"


def test_a_folder_is_its_files_in_order(tmp_path: Path) -> None:
    for name, service in (("b.yaml", "two"), ("a.yml", "one"), ("c.txt", "three"), (".d.yaml", "four")):
        write(tmp_path, name, service)
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub", "e.yaml", "five")

    services = load_services(tmp_path)

    assert [service.service for service in services] == ["one", "two"]


def test_a_file_is_a_folder_of_one(tmp_path: Path) -> None:
    assert [service.service for service in load_services(write(tmp_path, "a.yaml", "one"))] == ["one"]


def test_a_service_of_two_files_names_both_places(tmp_path: Path) -> None:
    first = write(tmp_path, "a.yaml", "one")
    second = write(tmp_path, "b.yaml", "one")

    with pytest.raises(SpecError) as caught:
        load_services(tmp_path)

    assert str(caught.value) == f"{second}:2: service: 'one' is used twice; first in {first}:2"


def test_problems_of_every_file_are_reported(tmp_path: Path) -> None:
    first = write(tmp_path, "a.yaml", "One")
    write(tmp_path, "b.yaml", "two")
    third = write(tmp_path, "c.yaml", "three", "extra: 1\n")

    with pytest.raises(SpecError) as caught:
        load_services(tmp_path)

    assert [(problem.file, problem.line) for problem in caught.value.problems] == [(str(first), 2), (str(third), 4)]


def test_a_folder_without_service_files_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"holds no service file \(\*\.yaml, \*\.yml\)"):
        load_services(tmp_path)


def test_a_spec_error_is_a_burnline_error_with_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(HEAD + "extra: 1\n")

    with pytest.raises(BurnlineError) as caught:
        load_service(file)

    assert str(caught.value).startswith(f"{file}:4: extra: is no key here")

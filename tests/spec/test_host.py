"""`host` in `collect`: a word, or a mapping with where the machine's files are."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnline.errors import SpecError
from burnline.spec.host import HostPlaces, host_of
from burnline.spec.load import load_services
from burnline.spec.service import ServiceSpec
from tests.spec.conftest import Problems

IN_CONTAINER = "{host: {proc: /host/proc, sys: /host/sys, root: /host/root}}"


def spec(*collect: object) -> ServiceSpec:
    return ServiceSpec.model_validate({"apiVersion": "burnline/v1", "service": "a", "owner": "b", "collect": collect})


def test_the_word_alone_means_this_machines_own_files() -> None:
    assert host_of(spec("host").collect) == HostPlaces(proc="/proc", sys="/sys", root="/")


def test_a_mapping_says_where_they_are() -> None:
    places = host_of(spec("gpu", {"host": {"proc": "/host/proc"}}).collect)

    assert places == HostPlaces(proc="/host/proc", sys="/sys", root="/")


def test_without_either_nothing_is_read() -> None:
    assert host_of(spec("gpu").collect) is None


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ("{host: {proc: proc}}", "'proc' is no absolute path; write one as in /host/proc"),
        ("{host: {root: /host/../etc}}", "'/host/../etc' is no absolute path"),
        ("{host: {cgroups: [vllm.service]}}", "'vllm.service' is no absolute path"),
        ("{host: {prok: /host/proc}}", "prok"),
        ("{host: }", "host"),
        (f"host, {IN_CONTAINER}", "the collector 'host' is used twice"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(problems: Problems, item: str, problem: str) -> None:
    (found,) = problems(f"collect: [{item}]")

    assert "collect[" in found
    assert problem in found


def services(folder: Path, **collect: str) -> Path:
    for name, items in collect.items():
        (folder / f"{name}.yaml").write_text(
            f"apiVersion: burnline/v1\nservice: {name}\nowner: team\ncollect: [{items}]\n"
        )
    return folder


def test_services_that_agree_or_leave_it_open_are_read(tmp_path: Path) -> None:
    read = load_services(services(tmp_path, a="host", b=IN_CONTAINER, c=IN_CONTAINER))

    assert len(read) == 3


def test_services_that_say_otherwise_of_the_one_machine_are_refused(tmp_path: Path) -> None:
    folder = services(tmp_path, a=IN_CONTAINER, b="{host: {proc: /other}}")

    with pytest.raises(SpecError) as refused:
        load_services(folder)

    (problem,) = refused.value.problems
    assert problem.file.endswith("b.yaml")
    assert f"{tmp_path}/a.yaml:4 where this machine is read" in problem.message

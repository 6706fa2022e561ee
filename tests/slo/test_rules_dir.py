"""A folder of rule files: what a push that was killed left is swept, and what could not be undone is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest

from burnline.slo.delivery.ruler import DeliveryError
from burnline.slo.delivery.rules_dir import HEADER, FilePlan, plan_files, reload_or_undo, write_plan

NAME = "burnline-rules.yml"


@pytest.fixture
def plan(tmp_path: Path) -> FilePlan:
    folder = tmp_path / "rules"
    folder.mkdir()
    return plan_files(folder, {NAME: f"{HEADER}groups: []\n"})


def refused() -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(500, text="no")))


def test_what_a_push_that_was_killed_left_is_swept_by_the_next_one(plan: FilePlan) -> None:
    for name in (f".{NAME}.a1b2c3d4.tmp", ".theirs.yml.a1b2c3d4.tmp", f"{NAME}.tmp"):
        (plan.folder / name).write_text("half")

    write_plan(plan)

    left = sorted(path.name for path in plan.folder.iterdir())
    assert left == [".theirs.yml.a1b2c3d4.tmp", NAME, f"{NAME}.tmp"]


def test_a_push_without_changes_sweeps_too(plan: FilePlan) -> None:
    write_plan(plan)
    (plan.folder / f".{NAME}.a1b2c3d4.tmp").write_text("half")

    write_plan(plan_files(plan.folder, {NAME: f"{HEADER}groups: []\n"}))

    assert [path.name for path in plan.folder.iterdir()] == [NAME]


def test_a_folder_that_cannot_be_put_back_is_not_said_to_be(plan: FilePlan) -> None:
    shutil.rmtree(plan.folder)

    with pytest.raises(DeliveryError, match=r"cannot be written: .*; the old rule files could not be put back"):
        write_plan(plan)


def test_a_refused_reload_is_told_also_when_the_old_files_cannot_be_put_back(plan: FilePlan) -> None:
    write_plan(plan)
    shutil.rmtree(plan.folder)

    with refused() as client, pytest.raises(DeliveryError, match=r"HTTP 500: no\nthe old .* could not be put back"):
        reload_or_undo(plan, client, "http://prometheus/-/reload", sleep=lambda _seconds: None)

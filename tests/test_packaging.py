"""The wheel holds all of burnline under one name, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = {"alerting", "collectors", "dashboards", "detectors", "runbooks", "slo"}
NOT_SHIPPED = {"script.py.mako"}  # scripts/migration needs it, and that works in a checkout only

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """Built from a copy, with the pinned setuptools: no network, and the checkout stays clean."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("out")
    for name in ("src", *FOLDERS):
        shutil.copytree(
            ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, f"--wheel-dir={out}", "."], cwd=source, check=True)
    (path,) = out.glob("*.whl")
    with zipfile.ZipFile(path) as built:
        yield built


def modules(wheel: zipfile.ZipFile) -> set[PurePosixPath]:
    paths = {PurePosixPath(name) for name in wheel.namelist()}
    return {path for path in paths if not path.parts[0].endswith(".dist-info")}


def test_the_wheel_has_one_top_level_name(wheel: zipfile.ZipFile) -> None:
    assert {path.parts[0] for path in modules(wheel)} == {"burnline"}


def test_the_wheel_has_the_six_folders(wheel: zipfile.ZipFile) -> None:
    assert {path.parts[1] for path in modules(wheel)} >= FOLDERS


def test_every_file_of_the_checkout_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    """A new package or template must be named in pyproject.toml, or an installed burnline lacks it."""
    package = ROOT / "src/burnline"
    folders = [package, *(package / folder for folder in FOLDERS)]
    files = {path.relative_to(ROOT / "src") for folder in folders for path in folder.rglob("*") if path.is_file()}
    shipped = {
        PurePosixPath(path) for path in files if "__pycache__" not in path.parts and path.name not in NOT_SHIPPED
    }

    assert sorted(shipped - modules(wheel)) == []


def test_the_wheel_carries_the_license_and_the_command(wheel: zipfile.ZipFile) -> None:
    (license_name,) = [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]
    (entry_points,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]

    assert wheel.read(license_name) == (ROOT / "LICENSE").read_bytes()
    assert b"burnline = burnline.app.cli:main" in wheel.read(entry_points)


@pytest.mark.parametrize("name", ["run", "dev"])
def test_every_requirement_is_pinned_by_hash_and_names_no_index(name: str) -> None:
    text = (ROOT / f"requirements/{name}.txt").read_text()
    wanted = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.lstrip().startswith("#")]

    assert all("==" in line and "--hash=sha256:" in line for line in wanted)
    assert "://" not in text


def test_every_dependency_of_burnline_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    run, dev = ((ROOT / f"requirements/{name}.txt").read_text() for name in ("run", "dev"))

    for requirement in [*project["dependencies"], *project["optional-dependencies"]["demo"]]:
        assert f"\n{bare(requirement)}==" in f"\n{run}".replace("[standard]", ""), f"{requirement}: make lock"
    for extra in project["optional-dependencies"].values():
        for requirement in extra:
            assert f"\n{bare(requirement)}" in f"\n{dev}", f"{requirement}: make lock"


def bare(requirement: str) -> str:
    return requirement.replace("[", ">").replace("=", ">").split(">")[0].strip().lower()

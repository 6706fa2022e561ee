"""`burnline import` and `burnline export`, as somebody types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from burnline.app.cli import app
from burnline.app.services import load_checked

SLOTH = """\
version: prometheus/v1
service: shop
slos:
  - name: a
    objective: 99.5
    sli: {events: {error_query: 'sum(rate(e[{{.window}}]))', total_query: 'sum(rate(t[{{.window}}]))'}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sloth.yaml"
    path.write_text(SLOTH)
    return path


def burnline(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_service_file_comes_out(file: Path, tmp_path: Path) -> None:
    done = burnline("import", "sloth", file)

    (tmp_path / "shop.yaml").write_text(done.stdout)
    assert (done.exit_code, done.stderr) == (0, "")
    assert load_checked(tmp_path / "shop.yaml")[0].slos[0].objective == 0.995
    assert done.stdout.startswith("# Imported from sloth: sloth.yaml by `burnline import`.\n")


def test_what_a_file_says_does_not_steer_the_terminal(file: Path) -> None:
    hostile = file.rename(file.with_name("a\x1b[2J.yaml"))
    hostile.write_text(SLOTH + "    labels: {a: b}\n")

    done = burnline("import", "sloth", hostile, "-o", file.parent / "out\x1b[2J")

    assert "labels" in done.stderr
    assert "wrote" in done.stdout
    assert "\x1b" not in done.output


def test_what_is_there_already_is_not_written_over(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "services"
    assert burnline("import", "sloth", file, "-o", out).exit_code == 0
    assert burnline("import", "sloth", file, "-o", out).exit_code == 0
    (out / "shop.yaml").write_text("mine")

    done = burnline("import", "sloth", file, "-o", out)

    assert "is there already, and differs" in str(done.exception)
    assert (out / "shop.yaml").read_text() == "mine"


def test_several_services_need_a_folder(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(SLOTH.replace("shop", "store"))

    done = burnline("import", "sloth", file, other)

    assert "hold 2 services (shop, store); write -o FOLDER" in str(done.exception)
    assert done.stdout == ""


def test_other_formats_and_windows_are_refused(file: Path) -> None:
    assert "'nobl9' is no format; accepted: sloth, pyrra, openslo or slo-generator" in str(
        burnline("import", "nobl9", file).exception
    )
    assert "--window: 'soon' is not a duration" in str(burnline("import", "sloth", file, "--window", "soon").exception)


def test_what_burnline_refuses_is_told_where_its_cause_stands(file: Path) -> None:
    done = burnline("import", "sloth", file, "--window", "500d")

    assert f"{file}:4: slos[0]: cannot be a service file: slos[0].window: is 500d; accepted: 1h to 366d" in str(
        done.exception
    )

"""The command line: quick to start, plain about what is wrong, right in its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from burnline import __version__
from tests.app.conftest import Cli
from tests.programs import free_port, program

HEAVY = {
    "numpy",
    "sqlalchemy",
    "fastapi",
    "starlette",
    "uvicorn",
    "pydantic",
    "httpx",
    "rich",
    "yaml",
    "jinja2",
    "msgspec",
    "apscheduler",
    "alembic",
    "opentelemetry",
    "prometheus_client",
    "sklearn",
}
GOOD = """
apiVersion: burnline/v1
service: scoring
owner: scoring-ml
escalation: {page: ["webhook:http://127.0.0.1:9/page"]}
collect: [{url: "http://127.0.0.1:9/metrics"}]
slos:
  - {name: availability, objective: 99.9%, window: 30d,
     sli: {ratio: {bad: 'http_requests_total{status=~"5.."}', total: http_requests_total}}}
"""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A folder with one good service file."""
    folder = tmp_path / "services"
    folder.mkdir()
    (folder / "scoring.yaml").write_text(GOOD)
    return folder


@pytest.mark.parametrize(
    ("argv", "typers_own"),
    [
        (["--help"], set()),
        (["--version"], set()),
        (["status", "--help"], {"pydantic"}),  # reads a verb's arguments with it
        (["runs", "--help"], {"pydantic"}),
        (["up", "--help"], {"pydantic"}),
    ],
)
def test_help_loads_nothing_heavy(argv: list[str], typers_own: set[str]) -> None:
    code = (
        "import sys\nfrom burnline.app.cli import main\n"
        f"sys.argv = ['burnline', *{argv!r}]\n"
        "try:\n    main()\n"
        "finally:\n    print('loaded', *{name.partition('.')[0] for name in sys.modules})"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert (HEAVY - typers_own).isdisjoint(shown.rpartition("loaded ")[2].split())


def test_without_a_verb_it_shows_its_help(cli: Cli) -> None:
    code, out, err = cli()

    assert code == 2
    assert "Usage: burnline" in out + err


def test_the_version_is_printed(cli: Cli) -> None:
    assert cli("--version") == (0, f"{__version__}\n", "")


def test_the_module_is_the_command() -> None:
    shown = subprocess.run([sys.executable, "-m", "burnline", "--version"], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == __version__


@pytest.mark.parametrize(
    ("argv", "told"), [(["fly"], "fly"), (["check"], "services"), (["runs", "show", "x"], "integer")]
)
def test_a_wrong_command_line_is_told_with_code_2(cli: Cli, argv: list[str], told: str) -> None:
    code, _, err = cli(*argv)

    assert code == 2
    assert told in err


def test_check_says_that_good_files_are_good(cli: Cli, good: Path) -> None:
    assert cli("check", good) == (0, "good: 1 service, 1 SLO\n", "")


def test_check_names_file_and_line_of_every_problem(cli: Cli, good: Path) -> None:
    bad = good / "scoring.yaml"
    bad.write_text(GOOD.replace("99.9%", "100%").replace("owner: scoring-ml", "owner: scoring-ml\ncolour: red"))

    code, out, err = cli("check", good)

    assert (code, out) == (1, "")
    lines = err.splitlines()
    assert [line.rsplit(": ", maxsplit=2)[0].partition(": ")[0] for line in lines] == [f"{bad}:5", f"{bad}:9"]
    assert "colour" in lines[0]
    assert "100%" in lines[1]


@pytest.mark.parametrize(
    "content",
    ["", "- a", "a: [", "\x00", "service: &a [*a]", "!!python/object/apply:os.system [ls]", "a: " + "[" * 5000],
)
def test_check_survives_any_file(cli: Cli, good: Path, content: str) -> None:
    (good / "scoring.yaml").write_text(content)

    code, out, err = cli("check", good)

    assert (code, out) == (1, "")
    assert err.startswith(str(good / "scoring.yaml"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file or directory"),
        ("{}", "not a reference profile"),
        ("\x00", "malformed"),
        ("[" * 100_000, "not a reference profile"),
    ],
)
def test_check_reads_the_models_reference_too(cli: Cli, good: Path, content: str | None, told: str) -> None:
    bad = good / "scoring.yaml"
    bad.write_text(GOOD + "model:\n  name: scoring\n  reference: scoring.json\nsignals: {drift: {}}\n")
    if content is not None:
        (good / "scoring.json").write_text(content)

    code, out, err = cli("check", good)

    assert (code, out) == (1, "")
    line = bad.read_text().splitlines().index("  reference: scoring.json") + 1
    assert err.startswith(f"{bad}:{line}: model.reference: {good}/scoring.json: ")
    assert told in err


def test_check_reads_the_calibration_of_answers_too(cli: Cli, good: Path) -> None:
    (good / "scoring.yaml").write_text(GOOD + "signals:\n  hallucination: {calibration: none.json}\n")

    code, out, err = cli("check", good)

    assert (code, out) == (1, "")
    assert "signals.hallucination.calibration: " in err
    assert "none.json: [Errno 2] No such file or directory" in err


def test_check_does_not_wait_for_a_reference_that_is_a_pipe_or_has_no_end(cli: Cli, good: Path) -> None:
    os.mkfifo(good / "pipe")

    for reference in ("/dev/zero", "pipe"):
        (good / "scoring.yaml").write_text(GOOD + f"model: {{name: scoring, reference: {reference}}}\n")
        code, _, err = cli("check", good)

        assert (code, "is not a file" in err) == (1, True)


def test_check_names_file_and_line_of_a_binding_that_cannot_run(cli: Cli, good: Path) -> None:
    bad = good / "scoring.yaml"
    bad.write_text(GOOD + "runbooks:\n  - on: {slo: availability, severity: page}\n    run: bad-relase\n")

    code, _, err = cli("check", good)

    line = bad.read_text().splitlines().index("    run: bad-relase") + 1
    assert code == 1
    assert err.startswith(f"{bad}:{line}: runbooks[0].run: there is no runbook 'bad-relase'")


def test_check_warns_of_a_registry_that_is_not_there_and_of_nobody_to_tell(cli: Cli, good: Path) -> None:
    runbooks = "runbooks:\n  - {on: {slo: availability, severity: page}, run: bad-release}\n"
    written = GOOD.replace('escalation: {page: ["webhook:http://127.0.0.1:9/page"]}\n', "")
    (good / "scoring.yaml").write_text(written + "release: {hook: {alias: {file: none.json}}}\n" + runbooks)

    code, out, err = cli("check", good)

    assert (code, out) == (0, "good: 1 service, 1 SLO\n")
    nobody, missing = err.splitlines()
    assert nobody.startswith(f"warning: {good}/scoring.yaml:")
    assert "escalation.page: names nobody" in nobody
    assert "none.json does not exist" in missing


def test_check_warns_of_a_proof_by_windows_shorter_than_an_evaluation(cli: Cli, good: Path) -> None:
    binding = "{on: {slo: availability, severity: page}, run: bad-release, params: {window: 30s}}"
    hook = "release: {hook: {webhook: {url: http://127.0.0.1:9/, observe: http://127.0.0.1:9/}}}"
    (good / "scoring.yaml").write_text(f"{GOOD}{hook}\nrunbooks:\n  - {binding}\n")

    code, _, err = cli("check", good)

    assert code == 0
    told = "bad-release, step prove: availability is evaluated every 1m, so that a window of 30s is empty"
    assert f"runbooks[0].run: {told}, or counts events from before it; make it 1m or longer" in err


@pytest.mark.parametrize("verb", ["check", "build", "up"])
def test_a_missing_folder_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    monkeypatch.setenv("BURNLINE_PORT", str(free_port()))

    code, out, err = cli(verb, "nowhere", *(["-o", "out"] if verb == "build" else []))

    assert (code, out) == (1, "")
    assert err == "nowhere: cannot be read: No such file or directory\n"


def test_check_reads_the_teams_runbooks_too(cli: Cli, good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runbooks = good.parent / "runbooks"
    runbooks.mkdir()
    (runbooks / "bad.yaml").write_text("runbook: [")
    monkeypatch.setenv("BURNLINE_RUNBOOKS", str(runbooks))

    code, _, err = cli("check", good)

    assert code == 1
    assert str(runbooks / "bad.yaml") in err


def test_schema_prints_a_json_schema(cli: Cli) -> None:
    code, out, _ = cli("schema")

    assert code == 0
    assert json.loads(out)["properties"]["service"]


def test_profile_writes_a_reference(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("length,colour,answer\n" + "1.5,red,0\n2.5,blue,1\n" * 50)

    code, out, _ = cli("profile", "train.csv", "-o", "train.json", "--prediction", "answer")

    assert (code, out) == (0, "train.json: 2 features of 100 rows\n")
    assert (tmp_path / "train.json").exists()


def test_profile_tells_of_features_that_are_called_as_what_is_none(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("length,prediction,confidence,Label\n" + "1.5,red,0.9,red\n" * 50)

    _, _, err = cli("profile", "train.csv", "-o", "train.json", "--confidence", "confidence")

    hint = "taken as a feature; if it holds the"
    assert f"train.csv: prediction: {hint} prediction, say so: --prediction prediction" in err
    assert f"train.csv: Label: {hint} label, say so: --label Label" in err
    assert "confidence:" not in err


def test_profile_does_not_write_over_its_table(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("length\n1.5\n")

    code, _, err = cli("profile", "train.csv", "-o", tmp_path / "train.csv")

    assert code == 1
    assert "train.csv: is the table itself; write the reference to another file" in err
    assert (tmp_path / "train.csv").read_text() == "length\n1.5\n"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"a,b\n"])
def test_profile_tells_of_a_table_it_cannot_use(cli: Cli, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "train.csv").write_bytes(content)

    code, _, err = cli("profile", "train.csv", "-o", "train.json")

    assert code == 1
    assert err.startswith("train")
    assert not (tmp_path / "train.json").exists()


def test_build_writes_what_the_programs_need(cli: Cli, good: Path, tmp_path: Path) -> None:
    code, out, _ = cli("build", good, "--out", "out")

    assert code == 0
    assert out.splitlines()[:3] == [
        "out/prometheus/burnline-rules.yml",
        "out/alertmanager/alertmanager.yml",
        "out/grafana/svc-scoring.json",
    ]
    assert "out/runbooks/bad-release.md" in out.splitlines()[3:]
    assert all((tmp_path / path).stat().st_size for path in out.splitlines())


def test_build_warns_where_alerts_of_other_rules_reach_nobody(cli: Cli, good: Path, tmp_path: Path) -> None:
    _, _, alone = cli("build", good, "--out", "out")
    code, out, err = cli("build", good, "--out", "out", "--others", "slack:#platform")
    wrong = cli("build", good, "--out", "out", "--others", "platform")

    assert alone.startswith("warning: alerts of a severity other than page, ticket and business")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].endswith("slack-platform: the URL of an incoming webhook of slack:#platform")
    assert "receiver: others" in (tmp_path / "out" / "alertmanager" / "alertmanager.yml").read_text()
    assert (wrong[0], wrong[2].startswith("burnline: --others: 'platform' is not a receiver")) == (1, True)


def test_build_writes_the_same_bytes_twice(cli: Cli, good: Path, tmp_path: Path) -> None:
    cli("build", good, "--out", "one")
    cli("build", good, "--out", "two")

    for path in (tmp_path / "one").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_build_writes_nothing_from_a_bad_file(cli: Cli, good: Path, tmp_path: Path) -> None:
    (good / "other.yaml").write_text("service: [")

    assert cli("build", good, "--out", "out")[0] == 1
    assert not (tmp_path / "out").exists()


def test_build_tells_where_it_cannot_write(cli: Cli, good: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    code, _, err = cli("build", good, "--out", "file")

    assert code == 1
    assert err.startswith("burnline: ")
    assert "'file" in err


@pytest.mark.integration
def test_what_build_writes_is_accepted_by_the_programs(cli: Cli, good: Path, tmp_path: Path) -> None:
    cli("build", good, "--out", "out")

    for argv in (
        [program("promtool"), "check", "rules", "out/prometheus/burnline-rules.yml"],
        [program("amtool"), "check-config", "out/alertmanager/alertmanager.yml"],
    ):
        found = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("verb", [["status"], ["runs", "list"], ["up"], ["check"]])
def test_a_wrong_setting_is_told_by_its_name(
    cli: Cli, good: Path, verb: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURNLINE_PORT", "abc")

    code, _, err = cli(*verb, *([good] if verb[0] in ("up", "check") else []))

    assert code == 1
    assert err == "environment: BURNLINE_PORT: 'abc': should be a valid integer, unable to parse string as an integer\n"

"""`burnline score grounding` and `burnline calibrate`: files of answers from outside."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.app.conftest import Cli
from tests.fakes.nli import write_model

PAGE = Path(__file__).parents[2] / "docs/detectors/grounding.md"
SOURCE = "The Sydney Harbour Bridge opened in March 1932. It carries 160,000 vehicles a day."


def line(answer: str, ungrounded: int | None = None, **more: Any) -> str:
    label = {} if ungrounded is None else {"ungrounded": ungrounded}
    return json.dumps({"sources": [SOURCE], "question": "When?", "answer": answer} | label | more)


def written(tmp_path: Path, *lines: str | bytes) -> Path:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(b"\n".join(each.encode() if isinstance(each, str) else each for each in lines))
    return path


def said(out: str) -> list[dict[str, Any]]:
    return [json.loads(each) for each in out.splitlines()]


def test_every_answer_has_a_line_with_its_score_and_what_is_not_held_up(cli: Cli, tmp_path: Path) -> None:
    path = written(tmp_path, line("Opened in March 1932."), line("It opened in 1954."))

    code, out, err = cli("score", "grounding", path)

    held, wrong = said(out)
    assert (code, err) == (0, "")
    assert (held["line"], held["score"], held["unsupported"], held["tier"]) == (1, 0.0, [], 0)
    assert wrong["score"] > 0.4
    assert {"start": 13, "end": 17, "kind": "number", "text": "1954"} in wrong["unsupported"]


def test_an_answer_without_sources_has_no_score(cli: Cli, tmp_path: Path) -> None:
    path = written(tmp_path, line("It opened.", sources=[]), line("x", sources=[" "]), '{"answer": "It opened."}')

    code, out, err = cli("score", "grounding", path)

    assert (code, err) == (0, "")
    assert [(each["score"], each["reason"]) for each in said(out)] == [(None, "no sources")] * 3


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("nope", "not JSON"),
        ("[1]", "is a list; accepted: an object with sources, question and answer"),
        ('{"sources": null, "answer": "x"}', "sources: is None; accepted: a list of texts"),
        ('{"sources": 3, "answer": "x"}', "sources: is 3; accepted: a list of texts"),
        ('{"sources": ["a", 2], "answer": "x"}', "sources[1]: is 2; accepted: a text"),
        ('{"sources": ["a"]}', "answer: missing; accepted: a text"),
        ('{"sources": ["a"], "answer": null}', "answer: is None; accepted: a text"),
        ('{"sources": ["a"], "answer": "x", "question": []}', "question: is a list; accepted: a text"),
        (b"\xff\xfe", "byte 0 is not UTF-8"),
        ("[" * 100_000, "not JSON"),
        ("9" * 5000, "not JSON"),
    ],
)
def test_a_bad_line_is_named_and_costs_nobody_but_itself(
    cli: Cli, tmp_path: Path, bad: str | bytes, message: str
) -> None:
    path = written(tmp_path, line("It opened."), "", bad, line("It opened."))

    code, out, err = cli("score", "grounding", path)

    lines = said(out)
    assert code == 1
    assert [each["line"] for each in lines] == [1, 3, 4]
    assert message in lines[1]["error"]
    assert f"answers.jsonl:3: {message}" in err
    assert err.count("\n") == 1


def test_nul_and_half_a_surrogate_pair_pass_through(cli: Cli, tmp_path: Path) -> None:
    code, out, _ = cli("score", "grounding", written(tmp_path, line("It opened \x00 \ud800 zebra.")))

    assert code == 0
    assert said(out)[0]["unsupported"][-1]["text"] == "zebra"


def test_a_file_that_is_not_there_is_told_without_a_traceback(cli: Cli) -> None:
    code, out, err = cli("score", "grounding", "missing.jsonl")

    assert (code, out) == (1, "")
    assert "missing.jsonl" in err


def test_what_was_calibrated_adds_a_probability_and_a_verdict(cli: Cli, tmp_path: Path) -> None:
    labelled = [line("It opened in 1932.", 0), line("It opened in Paris in 1889.", 1)] * 20
    path = written(tmp_path, *labelled)

    code, told, _ = cli("calibrate", path, "-o", "calibration.json", "--fpr", "0.1")
    _, out, _ = cli("score", "grounding", path, "--calibration", "calibration.json")

    held, wrong = said(out)[:2]
    assert code == 0
    assert "FPR        0.000" in told
    assert "length alone" in told
    assert (held["ungrounded"], wrong["ungrounded"]) == (False, True)
    assert held["probability"] < 0.1 < 0.9 < wrong["probability"]


@pytest.mark.parametrize(("pairs", "warned"), [(10, True), (49, True), (50, False)])
def test_calibrating_from_few_answers_warns_how_far_off_the_threshold_may_be(
    cli: Cli, tmp_path: Path, pairs: int, warned: bool
) -> None:
    path = written(tmp_path, *[line("Opened in March 1932.", 0), line("It opened in Paris in 1889.", 1)] * pairs)

    code, told, err = cli("calibrate", path, "-o", "calibration.json")

    assert code == 0
    assert "threshold  0.000001  answers that score this or more are flagged" in told
    assert json.loads(Path("calibration.json").read_text())["threshold"] == 1e-6
    assert err.startswith(f"warning: {path}: only {pairs} grounded and {pairs} ungrounded answers") is warned
    assert (
        re.search(r"of new grounded ones up to \d+% may be flagged; label at least 50 of each", err) is None
    ) != warned


def test_every_field_of_a_line_stands_in_the_table_of_the_documentation(cli: Cli, tmp_path: Path) -> None:
    labelled = written(tmp_path, *[line("It opened in 1932.", 0), line("It opened in Paris in 1889.", 1)] * 10)
    cli("calibrate", labelled, "-o", "calibration.json")
    path = written(tmp_path, line("In Paris."), line("x" * 200_001), line("x", sources=[]), "nope")

    _, out, _ = cli("score", "grounding", path, "--calibration", "calibration.json")

    named = {
        name for row in re.findall(r"^\| (`.*?) \|", PAGE.read_text("utf-8"), re.MULTILINE) for name in row.split(", ")
    }
    assert {f"`{field}`" for each in said(out) for field in each} <= named | {"`line`"}


def test_calibrating_names_lines_without_a_label_and_refuses_what_is_too_little(cli: Cli, tmp_path: Path) -> None:
    path = written(tmp_path, line("It opened."), line("It opened.", 0), line("Paris.", 2))

    code, _, err = cli("calibrate", path, "-o", "calibration.json")

    assert code == 1
    assert "answers.jsonl:1: has no label `ungrounded` (0 or 1)" in err
    assert "answers.jsonl:3: ungrounded: is 2; accepted: 0 or 1" in err
    assert "1 grounded and 0 ungrounded answers; needs at least 10 of each" in err
    assert not Path("calibration.json").exists()


def test_calibrating_refuses_labels_that_the_scores_contradict(cli: Cli, tmp_path: Path) -> None:
    path = written(tmp_path, *[line("It opened in 1932.", 1), line("It opened in Paris in 1889.", 0)] * 20)

    code, out, err = cli("calibrate", path, "-o", "calibration.json")

    assert (code, out) == (1, "")
    assert "answers.jsonl: AUROC 0.000 (0.000 to 0.000) of 20 grounded and 20 ungrounded answers" in err
    assert "the grounded ones score higher" in err
    assert not Path("calibration.json").exists()


def test_a_calibration_is_never_written_over_the_answers_somebody_has_labelled(cli: Cli, tmp_path: Path) -> None:
    path = written(tmp_path, line("It opened in 1932.", 1))
    before = path.read_bytes()

    code, _, err = cli("calibrate", path, "-o", path)

    assert code == 1
    assert "is the file with the answers itself; write the calibration to another file" in err
    assert path.read_bytes() == before


def test_the_examples_of_the_documentation_do_what_stands_there(cli: Cli, tmp_path: Path) -> None:
    [given, told] = blocks("json")[:2]
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "assistant.yaml").write_text(blocks("yaml")[0])

    _, out, _ = cli("score", "grounding", written(tmp_path, given.strip()))
    checked = cli("check", tmp_path / "services")

    assert json.loads(out) == json.loads(told)
    assert checked == (0, "good: 1 service, 1 SLO\n", "")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def test_a_model_of_inference_from_a_folder_is_asked_as_well(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra nli is not installed")
    answers = [
        {"sources": ["The bridge opened in 1932."], "answer": f"The bridge opened in {at}."} for at in (1932, 1789)
    ]
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, answers)))

    code, out, _ = cli("score", "grounding", tmp_path / "answers.jsonl", "--nli", write_model(tmp_path / "model"))

    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, [line["tier"] for line in lines]) == (0, [1, 1])
    assert lines[0]["nli"] < 0.1 < lines[1]["nli"]

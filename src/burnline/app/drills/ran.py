"""What the runbook of a run promises, by the text that the run was started with, and how the run says that it ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from burnline.app.drills.check import Check
from burnline.events import Outcome
from burnline.store.runs import Run, StepRow

TELLING = ("notify", "escalate")
LOOKED = (Outcome.RECOVERED, Outcome.NOT_RECOVERED, Outcome.NO_DATA)  # ends of a run that came to its last step


def only_looks(run: Run) -> bool:
    """Whether the runbook changes nothing whatever happens: then nothing is to be approved, changed or proved."""
    return not any("act" in step for step in _steps(run))


def told_by(run: Run, whom: str) -> frozenset[str]:
    """The names of the steps that tell the receivers of `whom`."""
    return frozenset(step["name"] for step in _steps(run) for kind in TELLING if _to(step.get(kind)) == whom)


def looked(run: Run, steps: Sequence[StepRow]) -> Check:
    """The check of a run that only looks, in place of what is asked of a change."""
    ok = run.outcome in LOOKED
    said = "did all it does" if ok else f"ended {how_it_ended(run, steps)}"
    return Check("looked", ok, f"{run.runbook} {said}; it changes nothing")


def how_it_ended(run: Run, steps: Sequence[StepRow]) -> str:
    """The outcome and, unless the run recovered the service, the reason."""
    if run.outcome is None:
        return "has not ended"
    return run.outcome if run.outcome is Outcome.RECOVERED else f"{run.outcome}: {last_word(run, steps)}"


def last_word(run: Run, steps: Sequence[StepRow]) -> str:
    """What the last step says that is neither a message to people nor takes something back."""
    own = [step for step in steps if step.n < len(_steps(run)) and step.kind not in TELLING]
    texts = [str(step.result["text"]) for step in own if step.result and step.result.get("text")]
    return texts[-1] if texts else "it did nothing"


def _steps(run: Run) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = json.loads(run.body)["steps"]
    return steps


def _to(rule: Any) -> str:
    """Whom a step tells; unless it says, whoever hears of pages."""
    return str(rule.get("to", "page")) if isinstance(rule, dict) else ""

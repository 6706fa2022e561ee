"""A runbook as a page for people: the same file that the executor runs, in Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from burnline.runbooks.load import Recipe
from burnline.runbooks.model import fill

SECTIONS = ("meaning", "impact", "diagnosis", "mitigation", "rollback", "verify", "escalation", "afterwards")
DEFAULTS = ("name", "when", "timeout", "retry")


def render_runbook(recipe: Recipe) -> str:
    """The page: prose first, for whoever was just woken, then what burnline does by itself, step by step."""
    book = recipe.runbook
    data = fill(json.loads(recipe.body), {name: param.sample for name, param in book.params.items()})
    about = [f"version {book.version}", f"risk {book.risk}", f"owner {book.owner or 'the owner of the service'}"]
    lines = [f"# {book.id}", "", _plain(book.description), "", ", ".join(about) + f"; SHA-256 `{recipe.digest[:12]}`"]
    if book.alerts:
        lines += ["", "For: " + ", ".join(f"`{name}`" for name in book.alerts)]
    for section in SECTIONS:
        lines += ["", f"## {section.capitalize()}", "", _plain(getattr(book.prose, section))]
    lines += ["", "## What burnline does", ""]
    lines += [f"{n}. {_plain(words)}" for n, words in enumerate(described_steps(recipe), 1)]
    lines += ["", *_guards(data)]
    if book.params:
        lines += ["", "## Parameters", "", *_params(recipe)]
    return "\n".join(lines) + "\n"


def described_steps(recipe: Recipe) -> Iterator[str]:
    """Each step in words, with the parameters as they are unless somebody gives others."""
    samples = {name: param.sample for name, param in recipe.runbook.params.items()}
    for step in fill(json.loads(recipe.body), samples)["steps"]:
        kind = next(key for key in step if key not in DEFAULTS)
        said = step[kind] if isinstance(step[kind], str) else _facts(step[kind])
        only = f", only when {_facts(step['when'])}" if "when" in step else ""
        yield f"{step['name']} ({kind}{only}): {said or 'as it stands'}"


def _guards(data: dict[str, Any]) -> Iterator[str]:
    yield "Before anything is changed:"
    yield ""
    for key, value in data.get("preconditions", {}).items():
        yield f"- {key.replace('_', ' ')}: {_plain(_facts(value))}"
    yield f"- no second change of the same target within {_plain(str(data.get('cooldown', '30m')))}"
    budget = data.get("budget", {"acts": 2, "per": "1h"})
    yield f"- people are asked after {budget.get('acts', 2)} changes of the service within {budget.get('per', '1h')}"


def _params(recipe: Recipe) -> Iterator[str]:
    yield "| parameter | type | unless given | meaning |"
    yield "|---|---|---|---|"
    for name, param in recipe.runbook.params.items():
        default = "must be given" if param.default is None else f"`{_cell(str(param.default))}`"
        source = f", from the alert's label `{_cell(param.label)}`" if param.label else ""
        yield f"| `{name}` | {param.type} | {default}{source} | {_cell(param.description)} |"


def _facts(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_facts(item)}".strip() for key, item in value.items())
    if isinstance(value, list):
        return " or ".join(_facts(item) for item in value)
    return {True: "yes", False: "no", None: ""}.get(value, str(value)) if not isinstance(value, str) else value


def _plain(text: str) -> str:
    """Text that stays text: nothing in it becomes markup of the page."""
    return "".join("\\" + each if each in "\\`*_[]<>|#" else each for each in text.strip())


def _cell(text: str) -> str:
    return _plain(text).replace("\n", " ")

"""A runbook as a page for people: the same file that the executor runs, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from burnline.runbooks.load import Recipe
from burnline.runbooks.model import Runbook
from burnline.runbooks.sentences import described_preconditions, described_steps
from burnline.spec.units import format_duration

SECTIONS = ("meaning", "impact", "diagnosis", "mitigation", "rollback", "verify", "escalation", "afterwards")


def render_runbook(recipe: Recipe) -> str:
    """The page: prose first, for whoever was just woken, then what burnline does by itself, step by step."""
    book = recipe.runbook
    about = [f"version {book.version}", f"risk {book.risk}", f"owner {book.owner or 'the owner of the service'}"]
    lines = [f"# {book.id}", "", _plain(book.description), "", ", ".join(about) + f"; SHA-256 `{recipe.digest[:12]}`"]
    if book.alerts:
        lines += ["", "For: " + ", ".join(f"`{name}`" for name in book.alerts)]
    for section in SECTIONS:
        lines += ["", f"## {section.capitalize()}", "", _plain(getattr(book.prose, section))]
    lines += ["", "## What burnline does", ""]
    lines += [f"{n}. {_plain(words)}" for n, words in enumerate(described_steps(recipe), 1)]
    lines += ["", *_guards(book)]
    if book.params:
        lines += ["", "## Parameters", "", *_params(recipe)]
    return "\n".join(lines) + "\n"


def _guards(book: Runbook) -> Iterator[str]:
    yield "Before anything is changed:"
    yield ""
    for words in described_preconditions(book.preconditions):
        yield f"- {words}"
    if book.cooldown:
        yield f"- no other run changed the same target within {format_duration(book.cooldown)}"
    budget = book.budget
    changes = "change" if budget.acts == 1 else "changes"
    yield f"- people are asked after {budget.acts} {changes} of the service within {format_duration(budget.per)}"


def _params(recipe: Recipe) -> Iterator[str]:
    yield "| parameter | type | unless given | meaning |"
    yield "|---|---|---|---|"
    for name, param in recipe.runbook.params.items():
        default = "must be given" if param.default is None else f"`{_cell(str(param.default))}`"
        source = f", from the alert's label `{_cell(param.label)}`" if param.label else ""
        yield f"| `{name}` | {param.type} | {default}{source} | {_cell(param.description)} |"


def _plain(text: str) -> str:
    """Text that stays text: nothing in it becomes markup of the page."""
    return "".join("\\" + each if each in "\\`*_[]<>|#" else each for each in text.strip())


def _cell(text: str) -> str:
    return _plain(text).replace("\n", " ")

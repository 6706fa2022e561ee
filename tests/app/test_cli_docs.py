"""docs/cli.md says what the command line does, docs/settings.md what the environment may say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import typer
from sqlalchemy import make_url

from burnline.app.cli import app
from burnline.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
CLI = (DOCS / "cli.md").read_text()
SETTINGS = (DOCS / "settings.md").read_text()


def verbs(command: object, name: str) -> Iterator[str]:
    """Every verb below `command`, in full."""
    below = getattr(command, "commands", None)
    if below is None:
        yield name
    else:
        for word, each in below.items():
            yield from verbs(each, f"{name} {word}")


def rows() -> list[str]:
    """The first column of the verbs' table."""
    return re.findall(r"^\| `(burnline [^`]*)` \|", CLI, re.MULTILINE)


def test_every_verb_is_in_the_table_and_every_row_is_a_verb() -> None:
    documented = [re.split(r" [A-Z\[-]", row, maxsplit=1)[0] for row in rows()]

    assert documented == list(verbs(typer.main.get_command(app), "burnline"))


def test_every_option_named_there_exists() -> None:
    root = typer.main.get_command(app)

    for row in rows():
        command: object = root
        for word in row.split()[1:]:
            command = getattr(command, "commands", {}).get(word, command)
        options = {name for parameter in getattr(command, "params", []) for name in parameter.opts}
        assert set(re.findall(r"(?<!\S)--?[a-z]+", row)) <= options, row


def test_every_setting_is_in_the_table_with_its_default() -> None:
    documented = dict(re.findall(r"^\| `(BURNLINE_\w+)` \| `?([^|`]*?)`? \|", SETTINGS, re.MULTILINE))

    settings = {f"BURNLINE_{name.upper()}": written(field.default) for name, field in Settings.model_fields.items()}

    assert documented == settings


def test_the_databases_named_there_can_be_opened() -> None:
    urls = re.findall(r"BURNLINE_DATABASE=(\S+)", SETTINGS)

    assert [make_url(url).get_backend_name() for url in urls] == ["postgresql"]
    assert "[postgres]" in SETTINGS


def written(default: object) -> str:
    """A default as a person writes it."""
    if default in (None, "", ()):
        return "none"
    return ",".join(default) if isinstance(default, tuple) else str(default)

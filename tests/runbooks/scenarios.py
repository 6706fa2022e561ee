"""Every kind of hook in a situation that the contract tests can play: add a kind here, or in a module imported below.

A scenario is a context manager that takes an empty folder and yields a `Scenario`:

    @scenario("my_hook")
    @contextmanager
    def my_hook(folder: Path) -> Iterator[Scenario]: ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from burnline.runbooks.actions.alias import AliasHook
from burnline.runbooks.actions.contract import Hook
from tests.runbooks.scene import read_registry, write_registry


@dataclass
class Scenario:
    """A hook on something that is at `before`, and is asked for `ask`, which is `to` once planned.

    Attributes:
        changes: how many changes were made in all.
        unknown: what it must refuse to plan.
        move: another hand brings it to a third state.
        put_back: another hand brings it from `to` back to `before`; None where that cannot be.
        lose: the next change takes effect and its answer is lost; None where a change always answers.
        keyed: the key is written beside the change, so that a change that was put back is not made again.
    """

    hook: Hook
    before: str
    to: str
    changes: Callable[[], int]
    unknown: str = "no-such-thing"
    ask: str = "previous"
    move: Callable[[], object] | None = None
    put_back: Callable[[], object] | None = None
    lose: Callable[[], object] | None = None
    keyed: bool = True


Play = Callable[[Path], AbstractContextManager[Scenario]]
SCENARIOS: dict[str, Play] = {}


def scenario(name: str) -> Callable[[Play], Play]:
    """Register one; the name is the hook's kind, with a colon and a word where a kind has several."""

    def register(play: Play) -> Play:
        assert name not in SCENARIOS, name
        SCENARIOS[name] = play
        return play

    return register


@scenario("alias")
@contextmanager
def alias(folder: Path) -> Iterator[Scenario]:
    """A registry file on which version 2 took over from version 1."""
    registry = write_registry(folder / "registry.json")
    hook = AliasHook(registry, "champion")

    def elsewhere(version: str) -> Callable[[], object]:
        def move() -> None:
            registry.write_text(
                registry.read_text().replace(
                    f'"champion": "{read_registry(registry)["aliases"]["champion"]}"', f'"champion": "{version}"'
                )
            )

        return move

    yield Scenario(
        hook=hook,
        before="2",
        to="1",
        changes=lambda: sum(each.get("by") == "burnline" for each in read_registry(registry)["history"]),
        move=elsewhere("3"),
        put_back=elsewhere("2"),
    )


import tests.runbooks.scenarios_kubernetes  # noqa: E402 - they add their own
import tests.runbooks.scenarios_models  # noqa: E402, F401

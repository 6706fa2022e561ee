"""A `helm` that keeps one release's history in a file: a program of its own, as the hook runs one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PROGRAM = """#!{python} -IS
import json, sys, time
STATE = {state!r}
TIMED_OUT = 'Release "card-fraud" failed: timed out waiting for the condition'
with open(STATE) as file:
    state = json.load(file)
words = [word for word in sys.argv[1:] if not word.startswith("--")]
options = dict(word[2:].partition("=")[::2] for word in sys.argv[1:] if word.startswith("--"))
state["asked"].append(sys.argv[1:])
history = state["history"]


def save():
    with open(STATE, "w") as file:
        json.dump(state, file)


def fail(why):
    save()
    sys.stderr.write("Error: %s\\n" % why)
    sys.exit(1)


sys.stderr.write("WARNING: Kubernetes configuration file is group-readable.\\n")
save()
if state["down"]:
    fail("Kubernetes cluster unreachable: connection refused")
if options.get("namespace") != "models" or words[1 if words[0] != "get" else 2] != "card-fraud":
    fail("release: not found")
if words[0] == "history":
    print(json.dumps(history))
elif words[0] == "get":
    print(state["manifest"])
elif words[0] == "rollback":
    revision = int(words[2])
    if revision not in [each["revision"] for each in history]:
        fail("release has no %d version" % revision)
    for each in history:
        if each["status"] == "deployed":
            each["status"] = "superseded"
    history.append({{
        "revision": history[-1]["revision"] + 1,
        "updated": "2026-01-05T12:00:00.123456789Z",
        "status": "failed" if state["fails"] else "deployed",
        "chart": "card-fraud-1.0.0",
        "app_version": "",
        "description": TIMED_OUT if state["fails"] else "Rollback to %d" % revision,
    }})
    save()
    if state["fails"]:
        fail("timed out waiting for the condition")
    if state["hangs"]:
        state["hangs"] = False
        save()
        time.sleep(60)
    print("Rollback was a success! Happy Helming!")
"""


class FakeHelm:
    """The program's path, and what it keeps."""

    def __init__(self, folder: Path, *statuses: str) -> None:
        self.path = folder / "helm"
        self._state = folder / "helm.json"
        self.path.write_text(PROGRAM.format(python=sys.executable, state=str(self._state)))
        self.path.chmod(0o755)
        history = [revision(n, status) for n, status in enumerate(statuses, 1)]
        self.set(history=history, asked=[], down=False, fails=False, hangs=False, manifest="kind: Deployment")

    @property
    def state(self) -> dict[str, Any]:
        """Everything it keeps."""
        content: dict[str, Any] = json.loads(self._state.read_text())
        return content

    def set(self, **changes: Any) -> None:
        """Change what it keeps."""
        before = self.state if self._state.exists() else {}
        self._state.write_text(json.dumps({**before, **changes}))

    def add(self, status: str = "deployed", description: str = "Upgrade complete") -> None:
        """Another hand makes a revision."""
        history = self.state["history"]
        for each in history:
            each["status"] = "superseded" if each["status"] == "deployed" else each["status"]
        self.set(history=[*history, revision(history[-1]["revision"] + 1, status, description)])

    def rollbacks(self) -> list[list[str]]:
        """The arguments of each."""
        return [words for words in self.state["asked"] if words[0] == "rollback"]


def revision(number: int, status: str, description: str = "Upgrade complete") -> dict[str, Any]:
    """One line of `helm history --output json`."""
    return {
        "revision": number,
        "updated": f"2026-01-0{min(number, 9)}T09:00:00.123456789+01:00",
        "status": status,
        "chart": "card-fraud-1.0.0",
        "app_version": "",
        "description": description,
    }

"""The model registry on disk: an alias names the version that serves, each version says how it prepares its inputs.

`python -m screening.registry FOLDER champion 2` releases version 2. Taking it back is burnline's business.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

VERSIONS = {
    "1": {"scale": {}, "lookup": {"delay_seconds": 0.0, "failure_share": 0.0}},
    # The bad release: lengths converted to the wrong unit, and a feature lookup that is slow and often fails.
    "2": {
        "scale": dict.fromkeys(("mean radius", "mean perimeter", "worst radius", "worst perimeter"), 10.0),
        "lookup": {"delay_seconds": 0.3, "failure_share": 0.4},
    },
}


def create(folder: Path) -> Path:
    """Write both versions and a registry whose champion is version 1; returns the registry file."""
    folder.mkdir(parents=True, exist_ok=True)
    for version, settings in VERSIONS.items():
        (folder / f"{version}.json").write_text(json.dumps(settings, indent=2) + "\n")
    registry = folder / "registry.json"
    _write(
        registry,
        {
            "aliases": {"champion": "1"},
            "versions": {version: {"path": f"{version}.json"} for version in VERSIONS},
            "history": [_change("champion", None, "1")],
        },
    )
    return registry


def set_alias(registry: Path, alias: str, version: str) -> None:
    """Point `alias` at `version`, as a deployment pipeline would."""
    with Path(f"{registry}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        content = json.loads(registry.read_text())
        if version not in content["versions"]:
            raise SystemExit(f"version {version!r} is not registered; there are {', '.join(content['versions'])}")
        content["history"].append(_change(alias, content["aliases"].get(alias), version))
        content["aliases"][alias] = version
        _write(registry, content)


def live_version(registry: Path, alias: str = "champion") -> tuple[str, dict[str, Any]]:
    """The version that `alias` names and its settings."""
    content = json.loads(registry.read_text())
    version = content["aliases"][alias]
    return version, json.loads((registry.parent / content["versions"][version]["path"]).read_text())


def _change(alias: str, before: str | None, after: str) -> dict[str, str | None]:
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"alias": alias, "from": before, "to": after, "at": at, "by": "deployment pipeline"}


def _write(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("w") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


if __name__ == "__main__":
    set_alias(Path(sys.argv[1]) / "registry.json", sys.argv[2], sys.argv[3])

"""A release in words, for a terminal."""

from __future__ import annotations

from typing import Any

from burnline.app.commands import moment, show, table


def show_release(found: dict[str, Any]) -> None:
    """Print where it stands, what its guards say and its record."""
    line = found["line"]
    was = line["previous"] or "not known"
    show(f"release {line['id']}: {line['service']} {line['version']} (was {was}): {line['state']}, {line['verdict']}")
    show(f"  step {line['step']} of {line['steps']}, started by {line['started_by']} {moment(line['started_at'])} UTC")
    if line["note"]:
        show(f"  {line['note']}")
    if found["missing"]:
        show(f"  lineage lacks {', '.join(found['missing'])}")
    for guard in found["guards"]:
        show(f"  {guard['kind']} {guard['what']}: {guard['verdict']}: {guard['text']}")
    for entry in found["record"]:
        show(f"  {moment(entry['at'])} UTC  {entry['text']}")
    if not found["whole"]:
        show("  its record was changed: the chain of hashes is broken")


def show_releases(found: list[dict[str, Any]]) -> None:
    """Print the newest releases."""
    rows = [
        (each["id"], each["service"], each["version"], each["state"], each["verdict"], moment(each["started_at"]))
        for each in found
    ]
    headings = ("release", "service", "version", "state", "verdict", "began (UTC)")
    show(table(headings, rows) if rows else "no releases yet")

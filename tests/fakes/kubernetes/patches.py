"""The three forms of PATCH that an API server takes, for as much of them as the tests need."""

from __future__ import annotations

import copy
from typing import Any


class TestFailed(Exception):
    """A `test` of a JSON patch does not hold."""

    __test__ = False


class BadPatch(Exception):
    """A patch that cannot be made."""


def json_patch(found: Any, operations: list[dict[str, Any]]) -> Any:
    """RFC 6902: test, add, remove and replace."""
    made = copy.deepcopy(found)
    for each in operations:
        *way, last = [step.replace("~1", "/").replace("~0", "~") for step in each["path"].split("/")[1:]]
        inner = made
        for step in way:
            inner = inner[int(step)] if isinstance(inner, list) else inner.get(step)
            if inner is None:
                raise BadPatch(f"{each['path']} is not there")
        _operate(inner, last, each)
    return made


def _operate(inner: Any, last: str, each: dict[str, Any]) -> None:
    at: Any = int(last) if isinstance(inner, list) else last
    there = at < len(inner) if isinstance(inner, list) else at in inner
    match each["op"]:
        case "test":
            if not there or inner[at] != each["value"]:
                raise TestFailed(f"testing path {each['path']} failed")
        case "add" if isinstance(inner, list):
            inner.insert(at, each["value"])
        case "add":
            inner[at] = each["value"]
        case "replace" | "remove" if not there:
            raise BadPatch(f"{each['path']} is not there")
        case "replace":
            inner[at] = each["value"]
        case "remove":
            del inner[at]
        case unknown:
            raise BadPatch(f"no operation {unknown}")


def merge_patch(found: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    made = copy.deepcopy(found) if isinstance(found, dict) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = merge_patch(made.get(name), value)
    return made


def strategic_patch(found: Any, patch: Any) -> Any:
    """Maps are merged, lists of named things by name; `$patch: replace` takes the patch as it is."""
    if isinstance(patch, dict):
        if patch.get("$patch") == "replace":
            return {name: copy.deepcopy(value) for name, value in patch.items() if name != "$patch"}
        made = copy.deepcopy(found) if isinstance(found, dict) else {}
        for name, value in patch.items():
            if value is None:
                made.pop(name, None)
            else:
                made[name] = strategic_patch(made.get(name), value)
        return made
    if isinstance(patch, list) and all(isinstance(each, dict) and "name" in each for each in [*(found or []), *patch]):
        by_name = {each["name"]: each for each in found or []}
        return list(
            {**by_name, **{each["name"]: strategic_patch(by_name.get(each["name"]), each) for each in patch}}.values()
        )
    return copy.deepcopy(patch)

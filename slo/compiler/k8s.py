"""Compiled rules as Kubernetes objects: `PrometheusRule` of the Prometheus operator (monitoring.coreos.com/v1).

An object may hold about a megabyte in etcd, so groups are packed into as many objects as they need.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from burnline.slo.compiler.yaml import dump

API_VERSION = "monitoring.coreos.com/v1"
LARGEST = 900_000  # bytes of YAML; etcd refuses 1.5 MB, and kubectl's own annotation repeats the object
LABELS = {"app.kubernetes.io/name": "burnline", "app.kubernetes.io/managed-by": "burnline"}


def prometheus_rules(groups: Sequence[dict[str, Any]], *, name: str = "burnline") -> dict[str, dict[str, Any]]:
    """Object name to object: as few as hold the groups, named after the kind of SLI; no group is split.

    `promtool check rules` reads the `spec` of each.
    """
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for group in groups:
        by_kind.setdefault(_kind(group["name"]), []).append(group)
    objects: dict[str, dict[str, Any]] = {}
    for kind, found in by_kind.items():
        packed = _packed(found)
        for number, some in enumerate(packed):
            whole = f"{name}-{kind}" + (f"-{number}" if len(packed) > 1 else "")
            objects[whole] = _object(whole, kind, some)
    return objects


def render_object(body: dict[str, Any]) -> str:
    """One object as YAML."""
    return dump(body)


def _kind(group: str) -> str:
    """`burnline/ratio/1m/0of2` is of `ratio`; a name of objects has small letters, digits and dashes (RFC 1123)."""
    parts = group.split("/")
    return re.sub(r"[^a-z0-9-]+", "-", parts[1].lower()).strip("-") if len(parts) > 1 else "rules"


def _packed(groups: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    packed: list[list[dict[str, Any]]] = []
    size = LARGEST
    for group in groups:
        more = len(dump([group]).encode()) + 2 * len(dump([group]).splitlines())  # two spaces deeper in the object
        if size + more > LARGEST:
            packed.append([])
            size = 0
        packed[-1].append(group)
        size += more
    return packed


def _object(name: str, kind: str, groups: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "PrometheusRule",
        "metadata": {"name": name, "labels": {**LABELS, "burnline.dev/kind": kind}},
        "spec": {"groups": groups},
    }

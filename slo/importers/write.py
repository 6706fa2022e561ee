"""A draft as the YAML of a service file, with the comments a person needs."""

from __future__ import annotations

import json
import re
from typing import Any

from burnline.slo.importers.draft import ServiceDraft

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_/ .%-]*[A-Za-z0-9%]|[A-Za-z]|[0-9]+(\.[0-9]+)?(ms|s|m|h|d|%)([0-9smhd]*)")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off"}
UNKNOWN_OWNER = "unknown"


def write_service(draft: ServiceDraft, origin: str) -> str:
    """The service file; `origin` says what it was imported from."""
    lines = [f"# Imported from {one_line(origin)} by `burnline import`.", "apiVersion: burnline/v1"]
    lines.append(f"service: {yaml_scalar(draft.service)}")
    owner = f"owner: {yaml_scalar(draft.owner or UNKNOWN_OWNER)}"
    lines.append(owner if draft.owner else f"{owner}  # write who answers for this service")
    if draft.description:
        lines.append(f"description: {yaml_scalar(draft.description)}")
    lines.append("slos:")
    for slo in draft.slos:
        lines += [f"  # {one_line(comment)}" for comment in slo.comments]
        first, *rest = yaml_lines({"name": slo.name, **slo.body})
        lines += [f"  - {first}", *(f"    {line}" for line in rest)]
    return "\n".join(lines) + "\n"


def yaml_lines(value: dict[str, Any]) -> list[str]:
    """A mapping as lines of YAML; whatever is in it stays text."""
    lines: list[str] = []
    for key, inner in value.items():
        if isinstance(inner, dict):
            lines += [f"{yaml_scalar(key)}:", *(f"  {line}" for line in yaml_lines(inner))]
        elif isinstance(inner, list):
            lines += [f"{yaml_scalar(key)}:", *(f"  - {_flow(item)}" for item in inner)]
        else:
            lines.append(f"{yaml_scalar(key)}: {yaml_scalar(inner)}")
    return lines


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{yaml_scalar(key)}: {yaml_scalar(inner)}" for key, inner in value.items()) + "}"
    return yaml_scalar(value)


def yaml_scalar(value: Any) -> str:
    """A text or a number as YAML; a text that could be read as anything else is quoted."""
    if isinstance(value, str):
        # JSON's strings are YAML's; no `# `, no `: `, no quote or bracket is ever left bare
        if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
            return value
        quoted = '"' in value and "'" not in value and value.isprintable()
        return f"'{value}'" if quoted else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def one_line(text: str) -> str:
    """A text as a comment may hold it."""
    return " ".join(text.split())

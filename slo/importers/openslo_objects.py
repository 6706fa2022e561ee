"""OpenSLO objects by kind and name, and what of them nobody refers to."""

from __future__ import annotations

from collections.abc import Sequence

from burnline.slo.importers.document import Item
from burnline.slo.importers.draft import Fields, Notes, Refused, text_of
from burnline.spec.words import choice, did_you_mean, shown

VERSIONS = ("openslo/v1", "openslo/v1alpha")
KINDS = ("SLO", "SLI", "AlertPolicy", "AlertCondition", "AlertNotificationTarget", "DataSource", "Service")
_NO_PLACE = {
    "AlertNotificationTarget": "Alertmanager routes alerts; write `escalation` in the service file",
    "DataSource": "burnline asks the Prometheus that BURNLINE_PROMETHEUS_URL names",
}


def body_of(item: Item, notes: Notes, accepted: Sequence[str]) -> tuple[Fields, Fields | None]:
    """An object's metadata and spec.

    Raises: Refused when the object has another shape.
    """
    top = Fields(item, notes, ("apiVersion", "kind", "metadata", "spec"))
    metadata = Fields(top.need("metadata"), notes, ("name", "displayName", "labels", "annotations"))
    return metadata, top.inner("spec", accepted)


class Objects:
    """All objects of an import."""

    def __init__(self, documents: Sequence[Item], notes: Notes) -> None:
        self._notes = notes
        self._found: dict[tuple[str, str], Item] = {}
        self._used: set[tuple[str, str]] = set()
        for document in documents:
            try:
                self._add(document)
            except Refused:
                continue

    def _add(self, document: Item) -> None:
        top = Fields(document, self._notes, ("apiVersion", "kind", "metadata", "spec"))
        for name, accepted in (("apiVersion", VERSIONS), ("kind", KINDS)):
            written = top.need(name)
            if written.value not in accepted:
                self._notes.refuse(written, f"is {shown(written.value)}; accepted: {choice(accepted)}")
        metadata = Fields(top.need("metadata"), self._notes, ("name", "displayName", "labels", "annotations"))
        written = metadata.need("name")
        key = (str(top.need("kind").value), text_of(written, self._notes))
        if other := self._found.get(key):
            self._notes.refuse(written, f"{shown(key[1])} is used twice; first in {other.file}:{other.line}")
        self._found[key] = document

    def of(self, kind: str) -> list[Item]:
        """The objects of that kind, in the order written."""
        return [item for (found, _), item in self._found.items() if found == kind]

    def named(self, kind: str, reference: Item) -> Item:
        """The object that is referred to.

        Raises: Refused when there is none.
        """
        name = text_of(reference, self._notes)
        names = [found for of_kind, found in self._found if of_kind == kind]
        if name not in names:
            accepted = f"accepted: {choice(names)}" if names else f"these files hold no {kind}"
            hint = did_you_mean(name, names)
            self._notes.refuse(reference, f"{shown(name)} is no {kind};{hint + ';' if hint else ''} {accepted}")
        self._used.add((kind, name))
        return self._found[kind, name]

    def leave_the_rest(self) -> None:
        """List what has no place in a service file, and what no SLO refers to."""
        for (kind, name), item in self._found.items():
            if kind in _NO_PLACE:
                self._notes.leave(item, _NO_PLACE[kind])
            elif kind in ("SLI", "AlertPolicy", "AlertCondition") and (kind, name) not in self._used:
                self._notes.leave(item, "no SLO here refers to it")

"""The revisions a workload had, and which of them is "previous".

A controller gives a revision a new number when it is returned to (1 -> 2 -> 1 is numbered 1, 2, 3), so a number does
not stand for one thing. Here a revision is called by the first number it had, which never changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from burnline.errors import ActionError
from burnline.runbooks.actions.kubernetes.client import Api
from burnline.runbooks.actions.kubernetes.objects import Json, Meta, Object, Resource, Words
from burnline.spec.words import choice, shown

REPLICA_SETS = Resource("apps/v1", "replicasets")
CONTROLLER_REVISIONS = Resource("apps/v1", "controllerrevisions")
TRIES = 5  # looks at an object that others change
FIRST_NUMBERS = "burnline.dev/revisions"  # ControllerRevisions keep no earlier numbers; these are as of our last change


Whole = TypeVar("Whole", bound=Object)


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision.

    Attributes:
        first, number: what it was called first, and what its controller calls it now.
        numbers: everything it was ever called, as far as is known.
        born: what orders revisions by when each was first made.
        template: the pods it makes, without the label that its controller adds.
        names: the values of that label, or the names of the ControllerRevisions.
        notes: its annotations.
    """

    first: int
    number: int
    numbers: frozenset[int]
    born: tuple[float, int]
    template: Json
    names: frozenset[str]
    made_at: datetime | None
    notes: Mapping[str, str]

    @property
    def returned_to(self) -> bool:
        """Whether it served, was left, and serves again."""
        return len(self.numbers) > 1


@dataclass(frozen=True, slots=True)
class Numbering:
    """How a controller writes numbers on its ReplicaSets.

    Attributes:
        label: what it adds to the template's labels.
        injected: the annotation that says what else it adds to the template's labels and annotations, as JSON.
    """

    annotation: str
    history: str
    label: str
    injected: str = ""


DEPLOYMENT = Numbering(
    "deployment.kubernetes.io/revision", "deployment.kubernetes.io/revision-history", "pod-template-hash"
)
ROLLOUT = Numbering(
    "rollout.argoproj.io/revision",
    "rollout.argoproj.io/revision-history",
    "rollouts-pod-template-hash",
    "rollout.argoproj.io/ephemeral-metadata",
)


class ReplicaSetSpec(BaseModel):
    """What a ReplicaSet makes."""

    template: Json


class ReplicaSet(Object):
    """A revision of a Deployment or a Rollout."""

    spec: ReplicaSetSpec


class Injected(BaseModel):
    """What a controller added to a template's metadata."""

    labels: Words = {}
    annotations: Words = {}


class RevisionData(BaseModel):
    """The patch that a ControllerRevision is."""

    spec: ReplicaSetSpec


class ControllerRevision(Object):
    """A revision of a StatefulSet or a DaemonSet."""

    revision: int
    data: RevisionData


def with_revisions(read: Callable[[], Whole], revisions: Callable[[Whole], tuple[Revision, ...]]) -> Whole:
    """An object and its revisions, as they were at one moment: both are read until nothing changed in between.

    Raises: ActionError (not permanent) when it never comes to rest.
    """
    found = read()
    for _ in range(TRIES):
        made = revisions(found)
        again = read()
        if _told(again.metadata) == _told(found.metadata):
            return found.model_copy(update={"revisions": distinct(made)})
        found = again
    raise ActionError(f"{found.metadata.name} was changed by others at each of {TRIES} looks", permanent=False)


def _told(meta: Meta) -> object:
    """What bears on revisions; a status may change all the time."""
    return meta.uid, meta.generation, meta.annotations


def distinct(revisions: Iterable[Revision]) -> tuple[Revision, ...]:
    """Each revision once: after an upgrade of Kubernetes a controller may make a second one of the same pods."""
    found: dict[str, Revision] = {}
    for each in sorted(revisions, key=lambda each: each.number):
        pods = json.dumps(bare(each.template), sort_keys=True)
        found[pods] = _joined(found[pods], each) if pods in found else each
    return tuple(found.values())


def _joined(earlier: Revision, later: Revision) -> Revision:
    return replace(
        later,
        first=min(earlier.first, later.first),
        numbers=earlier.numbers | later.numbers,
        born=min(earlier.born, later.born),
        names=earlier.names | later.names,
    )


def bare(template: Any) -> Any:
    """A template without its nulls, which some versions of Kubernetes write and others do not."""
    if isinstance(template, dict):
        return {name: bare(value) for name, value in template.items() if value is not None}
    return [bare(each) for each in template] if isinstance(template, list) else template


def of_replica_sets(api: Api, meta: Meta, labels: str, numbering: Numbering) -> tuple[Revision, ...]:
    """The revisions of what owns ReplicaSets. Raises: ActionError."""
    found = api.list(REPLICA_SETS.path(meta.namespace), ReplicaSet, labels=labels)
    mine = [each for each in found if _owned(each, meta)]
    return tuple(made for each in mine if (made := _from_replica_set(each, numbering)))


def _from_replica_set(each: ReplicaSet, numbering: Numbering) -> Revision | None:
    notes = each.metadata.annotations
    number = notes.get(numbering.annotation, "")
    if not number.isdecimal():
        return None
    earlier = [int(word) for word in notes.get(numbering.history, "").split(",") if word.isdecimal()]
    first = min([*earlier, int(number)])
    return Revision(
        first=first,
        number=int(number),
        numbers=frozenset([*earlier, int(number)]),
        born=(0.0, first),
        template=without(
            _injected(notes.get(numbering.injected, "")), without_label(each.spec.template, numbering.label)
        ),
        names=frozenset([each.metadata.labels.get(numbering.label, "")]),
        made_at=each.metadata.creationTimestamp,
        notes=notes,
    )


def of_controller_revisions(api: Api, meta: Meta, labels: str) -> tuple[Revision, ...]:
    """The revisions of a StatefulSet or a DaemonSet. Raises: ActionError."""
    found = api.list(CONTROLLER_REVISIONS.path(meta.namespace), ControllerRevision, labels=labels)
    first = first_numbers(meta)
    return tuple(_from_controller_revision(each, first) for each in found if _owned(each, meta))


def _from_controller_revision(each: ControllerRevision, first: Mapping[str, int]) -> Revision:
    made_at, name = each.metadata.creationTimestamp, each.metadata.name
    number = first.get(name, each.revision)
    return Revision(
        first=number,
        number=each.revision,
        numbers=frozenset((number, each.revision)),
        born=(made_at.timestamp() if made_at else 0.0, number),
        template={part: value for part, value in each.data.spec.template.items() if part != "$patch"},
        names=frozenset([name]),
        made_at=made_at,
        notes=each.metadata.annotations,
    )


def first_numbers(meta: Meta) -> Mapping[str, int]:
    """By the names of ControllerRevisions, the first number of each that was there when we last changed something."""
    try:
        found = json.loads(meta.annotations.get(FIRST_NUMBERS, "{}"))
        return {str(name): int(number) for name, number in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def without_label(template: Json, label: str) -> Json:
    """A template without one of its labels."""
    return without(Injected(labels={label: ""}), template)


def without(injected: Injected, template: Json) -> Json:
    """A template as its owner has it, without what the controller added."""
    metadata = template.get("metadata")
    if not isinstance(metadata, dict):
        return template
    kept = dict(metadata)
    for part, names in (("labels", injected.labels), ("annotations", injected.annotations)):
        if isinstance(found := metadata.get(part), dict) and names.keys() & found.keys():
            kept[part] = {name: value for name, value in found.items() if name not in names}
            if not kept[part]:
                del kept[part]
    return {**template, "metadata": kept}


def _injected(text: str) -> Injected:
    try:
        return Injected.model_validate_json(text)
    except ValidationError:
        return Injected()


def _owned(each: Object, meta: Meta) -> bool:
    owner = each.metadata.controller
    return owner is not None and owner.uid == meta.uid


def current_revision(revisions: Sequence[Revision], template: Json, *, settled: bool) -> Revision | None:
    """The revision whose pods are wanted; None while the controller has not made one (`settled`: it has)."""
    wanted = bare(template)
    same = [each for each in revisions if bare(each.template) == wanted]
    found = same or (list(revisions) if settled else [])
    return max(found, key=lambda each: each.number, default=None)


def previous_revision(revisions: Sequence[Revision], current: Revision) -> Revision | None:
    """The revision before the current one that was not itself taken back.

    What was made after the current revision was left by returning to it, so it is no place to go back to: after
    1 -> 2 -> 1 nothing is before 1, and a rollback is never undone by the next one.
    """
    earlier = [each for each in revisions if each.born < current.born]
    return max(earlier, key=lambda each: each.number, default=None)


def find_revision(name: str, revisions: Sequence[Revision], wanted: str) -> Revision:
    """The revision that has, or had, that number. Raises: ActionError when there is none."""
    for each in revisions:
        if wanted.isdecimal() and int(wanted) in each.numbers:
            return each
    there = choice(str(each.first) for each in sorted(revisions, key=lambda each: each.first)) if revisions else "none"
    raise ActionError(f"{name} has no revision {shown(wanted)}; there are {there}", permanent=True)

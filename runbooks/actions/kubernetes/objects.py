"""The parts of Kubernetes objects that hooks read, where objects are found, and patches of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field

Json = dict[str, Any]
Words = Annotated[dict[str, str], BeforeValidator(lambda found: found or {})]
Found = TypeVar("Found", bound="Object")


class Owner(BaseModel):
    """Who an object belongs to."""

    kind: str
    name: str = ""
    uid: str
    controller: bool = False


class Manager(BaseModel):
    """Who wrote fields of an object (server-side field management)."""

    manager: str = ""


class Meta(BaseModel):
    """What every object has."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resourceVersion: str = ""
    generation: int = 0
    creationTimestamp: AwareDatetime | None = None
    deletionTimestamp: AwareDatetime | None = None
    labels: Words = {}
    annotations: Words = {}
    ownerReferences: list[Owner] = []
    managedFields: list[Manager] = []

    @property
    def controller(self) -> Owner | None:
        """The one controller that owns it."""
        return next((owner for owner in self.ownerReferences if owner.controller), None)


class Object(BaseModel):
    """Any object."""

    metadata: Meta


class Requirement(BaseModel):
    """One of a selector's `matchExpressions`."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: list[str] = []

    def __str__(self) -> str:
        forms = {"In": "{} in ({})", "NotIn": "{} notin ({})", "Exists": "{}", "DoesNotExist": "!{}"}
        return forms[self.operator].format(self.key, ",".join(self.values))


class Selector(BaseModel):
    """A `spec.selector`; as text, what a query asks for."""

    matchLabels: Words = {}
    matchExpressions: list[Requirement] = []

    def __str__(self) -> str:
        exact = [f"{name}={value}" for name, value in sorted(self.matchLabels.items())]
        return ",".join([*exact, *map(str, self.matchExpressions)])


class PageMeta(BaseModel):
    """Whether a list goes on."""

    more: str = Field(default="", alias="continue")


class Page(BaseModel, Generic[Found]):
    """A part of a list; `more`: where the next part begins."""

    items: list[Found] = []
    metadata: PageMeta = PageMeta()

    @property
    def more(self) -> str:
        return self.metadata.more


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object: `apps/v1` and `deployments`."""

    version: str
    plural: str

    def path(self, namespace: str | None = None, name: str = "", part: str = "") -> str:
        """Where the object, a subresource of it, or the list is; every argument is a checked name."""
        root = f"/apis/{self.version}" if "/" in self.version else f"/api/{self.version}"
        where = [f"namespaces/{namespace}"] if namespace else []
        return "/".join([root, *where, self.plural, *(each for each in (name, part) if each)])


def unchanged(meta: Meta) -> Json:
    """The operation that fails a JSON patch when somebody changed the object since it was read."""
    return {"op": "test", "path": "/metadata/resourceVersion", "value": meta.resourceVersion}


def annotate(meta: Meta, notes: Mapping[str, str | None]) -> Iterator[Json]:
    """The operations that write annotations; None takes one away."""
    if not meta.annotations:
        yield {
            "op": "add",
            "path": "/metadata/annotations",
            "value": {name: text for name, text in notes.items() if text},
        }
        return
    for name, text in notes.items():
        path = pointer("metadata", "annotations", name)
        if text is not None:
            yield {"op": "add", "path": path, "value": text}
        elif name in meta.annotations:
            yield {"op": "remove", "path": path}


def pointer(*steps: str | int) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def names(objects: Sequence[Object], most: int = 3) -> str:
    """`a, b, c and 4 more`."""
    shown = ", ".join(each.metadata.name for each in objects[:most])
    return f"{shown} and {len(objects) - most} more" if len(objects) > most else shown

"""Weights of traffic: an HTTPRoute of the Gateway API, or an Istio VirtualService.

The state is the percentage that one backend gets. A change writes weights that add up to 100; the others keep their
proportions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel

from burnline.errors import ActionError
from burnline.runbooks.actions.contract import PREVIOUS
from burnline.runbooks.actions.kubernetes.change import Change, noted_at, refuse_owned
from burnline.runbooks.actions.kubernetes.client import JSON_PATCH, Api
from burnline.runbooks.actions.kubernetes.objects import Json, Object, Resource, annotate, pointer, unchanged
from burnline.runbooks.actions.kubernetes.percent import percent, share_of, split
from burnline.spec.kubernetes import InNamespace, RouteHookSpec, VirtualServiceHookSpec

HTTP_ROUTES = Resource("gateway.networking.k8s.io/v1", "httproutes")
VIRTUAL_SERVICES = Resource("networking.istio.io/v1", "virtualservices")


class Backend(BaseModel):
    """A backend of an HTTPRoute; without a weight it has 1."""

    name: str = ""
    weight: int = 1


class Rule(BaseModel):
    """A rule of an HTTPRoute."""

    backendRefs: list[Backend] = []


class RouteSpec(BaseModel):
    """What is wanted."""

    rules: list[Rule] = []


class HttpRoute(Object):
    """An HTTPRoute."""

    spec: RouteSpec = RouteSpec()


class Destination(BaseModel):
    """Where a VirtualService sends requests."""

    host: str = ""
    subset: str | None = None


class WeightedRoute(BaseModel):
    """A destination and its weight; the only one of a route needs none."""

    destination: Destination = Destination()
    weight: int = 0


class HttpMatch(BaseModel):
    """One of a VirtualService's routes."""

    route: list[WeightedRoute] = []


class VirtualServiceSpec(BaseModel):
    """What is wanted."""

    http: list[HttpMatch] = []


class VirtualService(Object):
    """An Istio VirtualService."""

    spec: VirtualServiceSpec = VirtualServiceSpec()


class Rows(BaseModel):
    """One place where weights stand: its path, the weights, and which of them is ours."""

    path: str
    weights: list[int]
    at: int


R = TypeVar("R", bound=Object)


class Weights(Generic[R]):
    """The weight of one backend wherever the route names it; `rows` finds the places."""

    def __init__(
        self,
        api: Api,
        spec: InNamespace,
        *,
        resource: Resource,
        model: type[R],
        backend: str,
        rows: Callable[[R], Iterator[Rows]],
    ) -> None:
        self._api = api
        self._spec = spec
        self._path = resource.path(api.namespace(), spec.name)
        self._model = model
        self._backend = backend
        self._rows = rows
        self.name = f"{resource.plural}/{api.namespace()}/{spec.name}/{backend}"

    def read(self) -> R:
        """The route. Raises: ActionError."""
        return self._api.read(self._path, self._model)

    def state(self, found: R) -> str:
        """The backend's percentage. Raises: ActionError when it has none, or several."""
        shares = {share_of(row.weights, row.at) for row in self._rows(found)}
        if not shares:
            raise ActionError(f"{self.name}: no rule names this backend", permanent=True)
        if len(shares) > 1:
            different = ", ".join(sorted(shares))
            raise ActionError(f"{self.name} gets different shares in different rules: {different} %", permanent=True)
        return shares.pop()

    def resolve(self, found: R, to: str) -> str:
        """A whole percentage; `previous` is 0: the backend is what was rolled out."""
        wanted = "0" if to == PREVIOUS else percent(self.name, to)
        if any(len(row.weights) < 2 for row in self._rows(found)) and wanted != "100":
            raise ActionError(f"{self.name} is the only backend: nothing could get the other traffic", permanent=True)
        self._patch(found, wanted)
        return wanted

    def refuse(self, found: R) -> None:
        """Raises: ActionError for what others keep as they have it."""
        refuse_owned(self.name, found.metadata, self._spec, helm=True)

    def write(self, found: R, change: Change) -> None:
        """Write the weights. Raises: Conflict, ActionError, InDoubt."""
        notes = annotate(found.metadata, change.notes())
        patch = [unchanged(found.metadata), *self._patch(found, change.to), *notes]
        self._api.patch(self._path, patch, form=JSON_PATCH, dry_run=change.dry_run)

    def followed(self, found: R) -> bool:
        """The status says nothing of it."""
        return True

    def changed_at(self, found: R) -> datetime | None:
        """When we set it; None when it was another hand."""
        return noted_at(found.metadata, self.state(found))

    def _patch(self, found: R, to: str) -> list[Json]:
        made: list[Json] = []
        for row in self._rows(found):
            try:
                weights = split(row.weights, row.at, int(to))
            except ValueError as error:
                raise ActionError(f"{self.name}: {error}", permanent=True) from error
            made += [
                {"op": "add", "path": f"{row.path}/{n}/weight", "value": weight} for n, weight in enumerate(weights)
            ]
        return made


def http_route(api: Api, spec: RouteHookSpec) -> Weights[HttpRoute]:
    """The weights of an HTTPRoute."""

    def rows(found: HttpRoute) -> Iterator[Rows]:
        for n, rule in enumerate(found.spec.rules):
            names = [each.name for each in rule.backendRefs]
            if spec.backend in names:
                weights = [each.weight for each in rule.backendRefs]
                yield Rows(
                    path=pointer("spec", "rules", n, "backendRefs"), weights=weights, at=names.index(spec.backend)
                )

    return Weights(api, spec, resource=HTTP_ROUTES, model=HttpRoute, backend=spec.backend, rows=rows)


def virtual_service(api: Api, spec: VirtualServiceHookSpec) -> Weights[VirtualService]:
    """The weights of a VirtualService's HTTP routes."""
    wanted = Destination(host=spec.host, subset=spec.subset)

    def rows(found: VirtualService) -> Iterator[Rows]:
        for n, match in enumerate(found.spec.http):
            destinations = [each.destination for each in match.route]
            if wanted in destinations:
                alone = [100] if len(match.route) == 1 else [each.weight for each in match.route]
                yield Rows(path=pointer("spec", "http", n, "route"), weights=alone, at=destinations.index(wanted))

    backend = f"{spec.host}/{spec.subset}" if spec.subset else spec.host
    return Weights(api, spec, resource=VIRTUAL_SERVICES, model=VirtualService, backend=backend, rows=rows)

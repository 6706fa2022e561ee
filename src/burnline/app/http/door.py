"""What every door that takes JSON does alike: how a body is read, whose it is, its key, and its faulty items."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_wrap_validator_function

from burnline.app.http.answers import Trouble
from burnline.app.http.bodies import SMALL_LIMIT_BYTES, encoding_of, read_body
from burnline.app.http.guards import refuse_cross_site, require_token
from burnline.app.http.words import PLAIN
from burnline.collectors.inflate import inflate
from burnline.collectors.predictions.events import MAX_KEY, Refusal
from burnline.collectors.predictions.formats import media_type_of
from burnline.collectors.predictions.posted import listed
from burnline.errors import PayloadError, PayloadUnsupported, PayloadWrong
from burnline.spec.bodies import flaws, on_one_line
from burnline.spec.place import Flaw, dotted
from burnline.spec.words import shown

REFUSED: dict[int | str, dict[str, Any]] = {
    status: {"model": Trouble} for status in (400, 401, 403, 404, 408, 413, 415, 422, 503)
}
Key = Annotated[str, Header(alias="Idempotency-Key", max_length=MAX_KEY), PLAIN]
Id = Annotated[str, Field(max_length=MAX_KEY), PLAIN]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Door(APIRoute):
    """A path that takes JSON, packed or not, of `limit_bytes` at most once it is unpacked."""

    limit_bytes = SMALL_LIMIT_BYTES

    def get_route_handler(self) -> Handler:
        """As FastAPI's, which finds the body read."""
        handle = super().get_route_handler()

        async def take(request: Request) -> Response:
            body = await read_body(request)
            kind, packed = request.headers.get("content-type", ""), encoding_of(request)
            request._body = body  # noqa: SLF001 - where Starlette keeps what was read
            request._json = await run_in_threadpool(read_json, body, kind, packed, self.limit_bytes)  # noqa: SLF001
            return await handle(request)

        return take


def door_router(door: type[Door] = Door) -> APIRouter:
    """A router of doors: for whoever has the token."""
    guards = [Depends(require_token), Depends(refuse_cross_site)]
    return APIRouter(dependencies=guards, responses=REFUSED, route_class=door, strict_content_type=False)


def read_json(body: bytes, content_type: str, encoding: str, limit_bytes: int) -> Any:
    """What a body holds.

    Raises: PayloadUnsupported, PayloadTooLarge, PayloadError when it holds nothing that can be read.
    """
    media_type = media_type_of(content_type)
    if content_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise PayloadUnsupported(f"Content-Type {shown(content_type)} is not supported; send application/json")
    if encoding or len(body) > limit_bytes:
        body = inflate([body], encoding=encoding, limit_bytes=limit_bytes)
    if not body:
        raise PayloadError("the body is empty; send JSON")
    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except RecursionError as error:
        raise PayloadError("the body is no JSON that is read here: it is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise PayloadError(f"the body is not UTF-8: byte 0x{body[error.start]:02x}") from error
    except ValueError as error:  # after its child, UnicodeDecodeError
        raise PayloadError(f"the body is no JSON: {error}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no value; leave out what is missing")


def key_of(written: str, sent: str) -> str:
    """The key of a posting: its `id`, or the header Idempotency-Key.

    Raises: PayloadWrong when these differ.
    """
    if written and sent and written != sent:
        raise PayloadWrong(f"id: is {shown(written)}, and the header Idempotency-Key {shown(sent)}; send one of them")
    return written or sent


@dataclass(frozen=True, slots=True)
class Wrong:
    """An item that could not be read: it costs itself, not the others."""

    flaw: Flaw


@dataclass(frozen=True, slots=True)
class Each:
    """Reads an item of a body as `kind`, or as what is wrong with it: `Annotated[Kind | Wrong, Each(Kind)]`."""

    kind: Any

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_wrap_validator_function(self._read, handler.generate_schema(self.kind))

    def _read(self, item: Any, read: Callable[[Any], Any]) -> Any:
        try:
            return read(item)
        except ValidationError as error:
            model = self.kind if isinstance(self.kind, type) and issubclass(self.kind, BaseModel) else None
            return Wrong(flaws(error.errors(include_url=False), item, model)[0])


def wrong_items(name: str, items: Sequence[Any] | Mapping[str, Any]) -> list[tuple[int, Flaw]]:
    """Those of a list or mapping of the body that are wrong: the place among the others, and in the whole body."""
    named: Iterable[tuple[str | int, Any]] = items.items() if isinstance(items, Mapping) else enumerate(items)
    return [
        (index, Flaw((name, step, *item.flaw.place), item.flaw.message))
        for index, (step, item) in enumerate(named)
        if isinstance(item, Wrong)
    ]


class Kept(BaseModel):
    """`accepted` is false when a posting with this key was kept before: it counts once.

    `refused` lists the first hundred of the `refused_count` items that were not kept.
    """

    accepted: bool
    refused: list[Refusal] = []
    refused_count: int = 0


def kept(accepted: bool, wrong: Sequence[tuple[int, Flaw]]) -> Kept:
    """A receipt, as it is sent."""
    refused = [Refusal(index, dotted(flaw.place), flaw.message) for index, flaw in wrong]
    return Kept(accepted=accepted, refused=list(listed(refused)), refused_count=len(wrong))


def refuse_all(wrong: Sequence[tuple[int, Flaw]]) -> NoReturn:
    """Raises: PayloadWrong, as nothing is left to be kept."""
    raise PayloadWrong(on_one_line([flaw for _, flaw in wrong]))

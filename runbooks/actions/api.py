"""A JSON API of another system: its address, its credentials, and answers that are read into types."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError

from burnline.errors import ActionError
from burnline.runbooks.actions.contract import first_flaw
from burnline.runbooks.actions.outbound import Answer, call_api
from burnline.runbooks.actions.secret import read_secret
from burnline.spec.address import check_url

Read = TypeVar("Read", bound=BaseModel)


class JsonApi:
    """Asks one server. Credentials are read for each request, and are part of no message.

    Args:
        address: a URL, or the place where one is kept.
        credentials: makes the headers that let us in.
    """

    def __init__(self, address: str, *, credentials: Callable[[], Mapping[str, str]], timeout: timedelta) -> None:
        self._address = address
        self._credentials = credentials
        self._timeout = timeout

    def get(self, path: str, query: Mapping[str, str], answer: type[Read]) -> Read:
        """GET what is there. Raises: ActionError."""
        given = self.ask("GET", path, query=query)
        return self.parse(path, given, answer)

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        use: Collection[int] = (),
    ) -> Answer:
        """One request. Raises: ActionError; InDoubt when a change was sent and no answer came."""
        url = f"{address_at(self._address).rstrip('/')}{path}{'?' + urlencode(query) if query else ''}"
        content = b"" if body is None else json.dumps(body).encode()
        headers = {**self._credentials(), "Accept": "application/json", "Content-Type": "application/json"}
        return call_api(method, url, headers=headers, content=content, timeout=self._timeout, use=use)

    def parse(self, path: str, answer: Answer, kind: type[Read]) -> Read:
        """The answer as a type. Raises: ActionError when it has another shape."""
        try:
            return kind.model_validate_json(answer.body)
        except ValidationError as error:
            wrong = f"{self._address}: {path}: answered what cannot be used: {first_flaw(error)}"
            raise ActionError(wrong, permanent=True) from error


def address_at(address: str) -> str:
    """The URL itself, also when the service file only says where it is kept. Raises: ActionError."""
    if not address.startswith(("env:", "file:")):
        return address
    try:
        return check_url(read_secret(address))
    except ValueError as error:  # may hold a password: not repeated
        raise ActionError(f"{address} holds no http or https URL without a password", permanent=True) from error


def bearer(token: str) -> Mapping[str, str]:
    """The header of a token that is kept at `token`. Raises: ActionError."""
    return {"Authorization": f"Bearer {header_secret(token)}"}


def basic(user: str, password: str) -> Mapping[str, str]:
    """The header of a user and a password, each given by its place. Raises: ActionError."""
    pair = f"{read_secret(user)}:{read_secret(password)}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def header_secret(reference: str) -> str:
    """A secret that can stand in a header. Raises: ActionError naming the reference only."""
    if not (secret := read_secret(reference)).isascii() or not secret.isprintable():
        raise ActionError(f"the secret {reference} cannot stand in a header", permanent=True)
    return secret

"""A ruler that is told its rules over HTTP: Grafana Mimir, and Cortex and Loki, which speak the same.

Source: the Mimir HTTP API, "Ruler": GET, POST and DELETE {prefix}/config/v1/rules/{namespace}[/{group}], YAML bodies.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import yaml
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from burnline.errors import BurnlineError, PayloadError
from burnline.slo.answer import Limits, read_whole
from burnline.slo.compiler.yaml import dump
from burnline.slo.delivery.push import OURS, Change, Kind, RuleGroup, plan_groups

PATH = "/prometheus/config/v1/rules"
TIMEOUT_SECONDS = 10.0
LIMITS = Limits(seconds=60.0, size_bytes=64 * 1024**2)
ATTEMPTS = 4
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
TOO_MANY, SERVER_ERROR = httpx.codes.TOO_MANY_REQUESTS, httpx.codes.INTERNAL_SERVER_ERROR
BUSY = (TOO_MANY, httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT)
LONGEST_QUOTE = 500
DEEPEST = 30  # lists and maps inside each other; a rule's labels are the sixth
NOT_OF_THEIR_KIND = (ValueError, ArithmeticError, LookupError, AttributeError)  # by yaml, for `!!timestamp x` and such
PAGES = ("text/html", "application/xhtml")
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Sleep = Callable[[float], None]


class DeliveryError(BurnlineError):
    """Rules could not be delivered; `unreachable`: nobody answered, so asking again for the next group is no use."""

    def __init__(self, message: str, *, unreachable: bool = False) -> None:
        self.unreachable = unreachable
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change; `error` is empty when it was done, or when there was nothing to do."""

    change: Change
    error: str = ""


class Ruler:
    """One namespace of the ruler at `url`, for one tenant.

    `url` is where the ruler's API begins, or its whole path up to `/rules`
    (`http://loki:3100/loki/api/v1/rules`, `http://cortex/api/v1/rules`).
    """

    def __init__(
        self,
        url: str,
        namespace: str,
        *,
        tenant: str = "",
        token: str = "",
        client: httpx.Client | None = None,
        sleep: Sleep = time.sleep,
        limits: Limits = LIMITS,
    ) -> None:
        checked = check_address(url)
        if not namespace or namespace in (".", ".."):
            raise DeliveryError(f"{namespace!r} is no namespace; write a name, as in burnline")
        whole = checked.path.rstrip("/").endswith("/rules")
        base = str(checked).rstrip("/") + ("" if whole else PATH)
        self._url = f"{base}/{quote(namespace, safe='')}"
        self._namespace = namespace
        self._headers = _header("X-Scope-OrgID", tenant) | _header("Authorization", token and f"Bearer {token}")
        self._client = client or new_client()
        self._sleep = sleep
        self._limits = limits

    def groups(self) -> list[RuleGroup]:
        """Every group of the namespace, also those of others.

        Raises: DeliveryError.
        """
        answer = self._send("GET", self._url, good=(httpx.codes.OK, httpx.codes.NOT_FOUND))
        if answer.status_code == httpx.codes.NOT_FOUND:
            if _is_page(answer):
                raise DeliveryError(f"{self._url}: answers 404 with a web page: is that a ruler's address?")
            return []
        return _groups(answer, self._namespace, self._url)

    def put(self, group: RuleGroup) -> None:
        """Add a group, or put it in the place of the one of its name.

        Raises: DeliveryError.
        """
        self._send("POST", self._url, good=(200, 201, 202, 204), body=dump(dict(group)).encode())

    def delete(self, name: str) -> None:
        """Remove a group of ours; one that is gone already is no error.

        Raises: DeliveryError. ValueError for a group that is not ours.
        """
        if not name.startswith(OURS):
            raise ValueError(f"{name!r} is not ours")
        self._send("DELETE", f"{self._url}/{quote(name, safe='')}", good=(200, 202, 204, 404))

    def pause(self, attempt: int) -> None:
        """Longer from attempt to attempt."""
        self._sleep(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**attempt))

    def _send(self, method: str, url: str, *, good: Collection[int], body: bytes | None = None) -> httpx.Response:
        kind = {"Content-Type": "application/yaml"} if body is not None else {}
        request = self._client.build_request(method, url, content=body, headers=self._headers | kind)
        answer = send(
            self._client,
            request,
            again=lambda code: code in BUSY or code >= SERVER_ERROR,
            sleep=self._sleep,
            limits=self._limits,
        )
        if answer.status_code not in good:
            raise DeliveryError(refusal(answer))
        if answer.is_success and _is_page(answer):
            raise DeliveryError(
                f"{refusal(answer)}: is that a ruler's address, or does something in between ask to log in?"
            )
        return answer


def apply(ruler: Ruler, wanted: Sequence[RuleGroup], plan: Iterable[Change]) -> list[Outcome]:
    """Carry out the plan, one group at a time; a group that fails does not stop the others.

    What was answered as done is read again. Nothing is removed when an addition failed: what it replaces may be all
    that still watches. When nobody answers any more, the rest is not tried.
    """
    plan = list(plan)
    by_name = {str(group["name"]): group for group in wanted}
    puts = [change for change in plan if change.kind in (Kind.ADD, Kind.CHANGE)]
    removals = [change for change in plan if change.kind is Kind.REMOVE]
    errors = _carry_out(ruler, wanted, puts, lambda name: ruler.put(by_name[name]))
    if any(errors.values()):
        errors |= {change.name: "kept, because other groups could not be delivered" for change in removals}
    else:
        errors |= _carry_out(ruler, wanted, removals, ruler.delete)
    return [Outcome(change, errors.get(change.name, "")) for change in plan]


def _carry_out(
    ruler: Ruler, wanted: Sequence[RuleGroup], changes: Sequence[Change], do: Callable[[str], None]
) -> dict[str, str]:
    """Error by name of group; empty where the change was done and is seen to be."""
    errors: dict[str, str] = {}
    failed = ""
    for change in changes:
        errors[change.name] = failed
        if not failed:
            try:
                do(change.name)
            except DeliveryError as refused:
                errors[change.name] = str(refused)
                failed = "not tried: nobody answers" if refused.unreachable else ""
    done = {change.name: change for change in changes if not errors[change.name]}
    return errors | (_not_taken(ruler, wanted, done) if done and not failed else {})


def _not_taken(ruler: Ruler, wanted: Sequence[RuleGroup], done: Mapping[str, Change]) -> dict[str, str]:
    """What would still have to change in the same way, by name of group, though it was answered as done.

    A ruler may need a moment, so it is asked four times before it is said. A group that the ruler wrote down in other
    words than it was sent was taken.
    """
    left: list[str] = []
    for attempt in range(ATTEMPTS):
        if attempt:
            ruler.pause(attempt - 1)
        try:
            left = [each.name for each in plan_groups(wanted, ruler.groups()) if done.get(each.name) == each]
        except DeliveryError as error:
            return dict.fromkeys(done, f"answered as done, but what is there now cannot be read: {error}")
        if not left:
            break
    why = "answered as done, but what is there has not changed; does something in between answer for the ruler?"
    return dict.fromkeys(left, why)


def new_client(ca_file: Path | None = None) -> httpx.Client:
    """A client that follows no redirect (a token must not travel on) and reads no settings of the environment.

    `ca_file` (PEM): whom to trust instead of the public authorities.
    Raises: DeliveryError when it cannot be read, or holds no certificate.
    """
    try:
        verify = ssl.create_default_context(cafile=ca_file) if ca_file else True
    except ssl.SSLError as error:
        raise DeliveryError(f"{ca_file}: holds no certificate in PEM: {error}") from error
    except OSError as error:
        raise DeliveryError(f"{ca_file}: cannot be read: {error.strerror}") from error
    return httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False, follow_redirects=False, verify=verify)


def check_address(url: str) -> httpx.URL:
    """The URL, when rules can be delivered to it.

    Raises: DeliveryError; a password in it is not repeated.
    """
    form = "write one as in http://mimir:9009"
    try:
        checked = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise DeliveryError(f"{url!r} is not a URL: {error}; {form}") from error
    if checked.scheme not in ("http", "https") or not checked.host:
        raise DeliveryError(f"{url!r} is not a URL; {form}")
    if checked.userinfo:
        raise DeliveryError("the URL holds a user name or password; give a file with a token: --token-file")
    if checked.query or checked.fragment:
        raise DeliveryError(f"{url!r} holds a query; {form}")
    return checked


def send(
    client: httpx.Client,
    request: httpx.Request,
    *,
    again: Callable[[int], bool],
    sleep: Sleep,
    limits: Limits = LIMITS,
) -> httpx.Response:
    """The answer; asks up to four times, with longer pauses, while nobody answers or `again(status)` holds.

    Raises: DeliveryError when nobody answers, or with a redirect, or beyond the limits.
    """
    for attempt in range(ATTEMPTS):
        last = attempt == ATTEMPTS - 1
        asked = 0.0
        try:
            answer = read_whole(client, request, limits)
        except PayloadError as error:
            raise DeliveryError(f"{request.url}: {error}", unreachable=True) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if last or isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
                said = str(error) or type(error).__name__
                raise DeliveryError(f"{request.url}: no answer: {said}", unreachable=True) from error
        else:
            if answer.is_redirect:
                raise DeliveryError(f"{refusal(answer)}: give the address it names ({_target(answer)}) yourself")
            if last or not again(answer.status_code):
                return answer
            asked = _retry_after(answer)
        sleep(min(LONGEST_PAUSE_SECONDS, max(asked, FIRST_PAUSE_SECONDS * 2**attempt)))
    raise AssertionError("the last attempt returns or raises")


def refusal(answer: httpx.Response) -> str:
    """What an answer that is not good says, in one line."""
    said = "a web page" if _is_page(answer) else " ".join(answer.text.split())[:LONGEST_QUOTE]
    return f"{answer.request.method} {answer.request.url}: HTTP {answer.status_code}{f': {said}' if said else ''}"


def _target(answer: httpx.Response) -> str:
    return str(answer.headers.get("Location", "none"))[:LONGEST_QUOTE]


def _retry_after(answer: httpx.Response) -> float:
    written = answer.headers.get("Retry-After", "")
    return float(written) if written.isdecimal() and len(written) < 6 else 0.0


def _is_page(answer: httpx.Response) -> bool:
    kind = str(answer.headers.get("Content-Type", "")).lower()
    return kind.startswith(PAGES) or answer.content[:LONGEST_QUOTE].lstrip().lower().startswith(
        (b"<!doctype", b"<html")
    )


def _header(name: str, value: str) -> dict[str, str]:
    if not value:
        return {}
    if not value.isascii() or not value.isprintable():
        raise DeliveryError(f"the value for the header {name} holds characters that no header can")
    return {name: value}


def _groups(answer: httpx.Response, namespace: str, url: str) -> list[RuleGroup]:
    try:
        _check_shape(answer.content)
        body: Any = yaml.load(answer.content, LOADER)  # noqa: S506 - a safe one, in a tenth of the time
    except (yaml.YAMLError, *NOT_OF_THEIR_KIND) as error:
        raise DeliveryError(
            f"{url}: the answer is no YAML of a ruler: {' '.join(str(error).split())[:LONGEST_QUOTE]}"
        ) from error
    groups = body.get(namespace, []) if isinstance(body, dict) else None
    if not isinstance(groups, list) or not all(isinstance(each, dict) and "name" in each for each in groups):
        raise DeliveryError(f"{url}: the answer is no list of rule groups: is that a ruler's address?")
    return groups


def _check_shape(content: bytes) -> None:
    """Raises: ValueError for what the loader would not survive: it goes as deep as its text and follows aliases."""
    depth = 0
    for event in yaml.parse(content, LOADER):
        if isinstance(event, AliasEvent):
            raise ValueError("an alias, which could stand for any amount of text")  # noqa: TRY004
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} deep")

"""Bodies of OTLP/HTTP as values with one shape, whether they came as protobuf or as JSON.

Both decoders give objects with protobuf's field names. What the two say differently (values, ids, which of several
fields is there) is read through `Wire`. Nothing is copied that nobody reads: walking attributes is what costs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from burnline.errors import PayloadTooLarge

Scalar = str | bool | int | float
MAX_RECORDS = 50_000  # of one body: spans, log records or data points
MAX_ATTRIBUTES = 512  # of one record, and of one resource
MAX_TEXT = 200  # characters of a value that becomes a label; more are cut off
NO_RECORDED_VALUE = 1  # the flag of a data point
TEXTS = str.maketrans("\0", "\ufffd")  # PostgreSQL keeps no NUL


class Wire(Protocol):
    """How to read what the two encodings say differently."""

    @property
    def name(self) -> str: ...
    def traces(self, body: bytes) -> Any:
        """An ExportTraceServiceRequest. Raises: PayloadError for a body that is none."""
        ...

    def logs(self, body: bytes) -> Any:
        """Likewise of logs."""
        ...

    def metrics(self, body: bytes) -> Any:
        """Likewise of metrics."""
        ...

    def scalar(self, value: Any) -> Scalar | None:
        """An AnyValue that is a text, a truth or a number; None for any other."""
        ...

    def value(self, value: Any) -> Any:
        """An AnyValue whole, lists and mappings as Python has them: what is not asked for is not decoded."""
        ...

    def ident(self, value: Any) -> str:
        """A trace's or a span's id in hexadecimal digits; empty when it is none."""
        ...

    def kind(self, metric: Any) -> str:
        """Which of a metric's kinds of data is there; empty when none is."""
        ...

    def number(self, point: Any) -> float | None:
        """The value of a number's data point, or of an exemplar."""
        ...

    def total(self, point: Any) -> float | None:
        """The sum of a histogram's data point, where there is one."""
        ...


class Refused(Exception):
    """One record cannot be taken; `reason` is a stable word, the message is for people."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Group:
    """The records of one resource and scope, with what is known of the resource."""

    resource: Mapping[str, Scalar]
    scope: str
    records: Sequence[Any]
    refused: Refused | None = None

    @property
    def service_name(self) -> str:
        """Empty when there is none."""
        return text(self.resource.get("service.name", ""))


def groups(wire: Wire, parts: Iterable[Any], scopes: str, records: str) -> Iterator[Group]:
    """The records of a request, by resource and scope. Raises: PayloadTooLarge past MAX_RECORDS."""
    count = 0
    for part in parts or ():
        resource, refused = _resource(wire, part.resource)
        for scope in getattr(part, scopes) or ():
            found = getattr(scope, records) or ()
            count += len(found)
            check_count(count)
            yield Group(resource, scope.scope.name or "" if scope.scope else "", found, refused)


def _resource(wire: Wire, resource: Any) -> tuple[dict[str, Scalar], Refused | None]:
    try:
        return scalars(wire, resource.attributes if resource else ()), None
    except (Refused, ValueError) as error:
        return {}, error if isinstance(error, Refused) else Refused("malformed", f"resource: {error}")


def check_count(count: int) -> None:
    """Raises: PayloadTooLarge past MAX_RECORDS."""
    if count > MAX_RECORDS:
        raise PayloadTooLarge(f"the body holds more than {MAX_RECORDS:,} records: send smaller batches")


def scalars(wire: Wire, attributes: Any, only: frozenset[str] | None = None) -> dict[str, Scalar]:
    """Attributes that are scalars, or those of the names in `only`. Raises: Refused past MAX_ATTRIBUTES."""
    if len(attributes or ()) > MAX_ATTRIBUTES:
        message = f"{len(attributes):,} attributes on one record or resource; the most are {MAX_ATTRIBUTES}"
        raise Refused("attributes", message)
    found = {}
    for each in attributes or ():
        key = each.key
        if only is not None and key not in only:
            continue
        if (value := wire.scalar(each.value)) is not None:
            found[key] = value
    return found


def text(value: Scalar) -> str:
    """A value as a label has it: no longer than MAX_TEXT."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)[:MAX_TEXT].translate(TEXTS)


def number(value: Scalar | None) -> float | None:
    """A finite number that is not negative; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < math.inf else None

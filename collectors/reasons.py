"""Why a collector failed, as one of a few words: an error's own text is for people, and has no end of forms."""

from __future__ import annotations

from collections.abc import Iterator

from burnline.errors import CollectorError, PayloadError, SecretError

TIMEOUT, UNREACHABLE, REFUSED, MALFORMED = "timeout", "unreachable", "refused", "malformed"
TOO_LARGE, SYSTEM, BUG, OTHER = "too_large", "system", "bug", "other"
REASONS = (TIMEOUT, UNREACHABLE, REFUSED, MALFORMED, TOO_LARGE, SYSTEM, BUG, OTHER)

# By the names of classes, so that no client library has to be loaded to know its errors.
_WORDS = (
    ("timeout", TIMEOUT),
    ("timedout", TIMEOUT),
    ("authentication", REFUSED),
    ("authorization", REFUSED),
    ("permission", REFUSED),
    ("access", REFUSED),
    ("toolarge", TOO_LARGE),
    ("connect", UNREACHABLE),
    ("network", UNREACHABLE),
    ("noservers", UNREACHABLE),
    ("resolution", UNREACHABLE),
    ("gaierror", UNREACHABLE),
    ("protocol", MALFORMED),
    ("decode", MALFORMED),
    ("parse", MALFORMED),
)


def reason_of(error: BaseException) -> str:
    """The word for an error, going by what caused it first; never anything that is not in REASONS."""
    if not isinstance(error, CollectorError):
        return BUG  # of the collector: whatever goes wrong outside, it should say in its own words
    chain = list(_chain(error))
    if any(isinstance(each, SecretError) for each in chain):
        return REFUSED  # whatever kept it from being read
    for each in reversed(chain):
        if reason := _reason(each):
            return reason
    return OTHER


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _reason(error: BaseException) -> str:
    names = [kind.__name__.lower() for kind in type(error).__mro__]
    for word, reason in _WORDS:
        if any(word in name for name in names):
            return reason
    if isinstance(error, OSError):
        return SYSTEM
    return MALFORMED if isinstance(error, (ValueError, LookupError, PayloadError)) else ""

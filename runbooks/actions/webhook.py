"""The webhook hook: a deployment system that takes a release back when it is asked over HTTP.

POST `url` with {"service", "to", "key", "epoch"}: 2xx is done, 208 and 409 done already, 5xx is tried again, anything
else is refused for good. GET `observe` answers {"version": "...", "previous": "...", "changed_at": "..."}, of which
only `version` is required.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from burnline.errors import ActionError
from burnline.runbooks.actions.contract import PREVIOUS, Plan
from burnline.runbooks.actions.outbound import DONE_ALREADY, check_host, get, post_json
from burnline.runbooks.actions.secret import read_secret
from burnline.spec.hooks import WebhookHookSpec


class Observed(BaseModel):
    """What `observe` answers."""

    version: str = Field(min_length=1, max_length=200)
    previous: str | None = Field(default=None, min_length=1, max_length=200)
    changed_at: AwareDatetime | None = None


class WebhookHook:
    """Asks another system; the address is the service file's own."""

    kind = "webhook"

    def __init__(self, spec: WebhookHookSpec, service: str) -> None:
        self._spec = spec
        self._service = service
        self.target = spec.url.partition("?")[0]
        self.idempotent = spec.idempotent

    def observe(self) -> str | None:
        """The version that serves; None without `observe` in the service file."""
        observed = self._observed()
        return observed.version if observed else None

    def changed_at(self) -> datetime | None:
        """When the version changed, if the other system says so."""
        observed = self._observed()
        return observed.changed_at.astimezone(UTC) if observed and observed.changed_at else None

    def plan(self, target: str) -> Plan:
        """What will be asked; `previous` is left to the other system when it does not name it."""
        check_host(self._spec.url)
        observed = self._observed()
        to = observed.previous if target == PREVIOUS and observed and observed.previous else target
        return Plan(self.kind, self.target, observed.version if observed else None, to)

    def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: datetime) -> bool:
        """Ask; 208 and 409 say that it was done already. Raises: ActionError, InDoubt."""
        check_host(self._spec.url)
        body = {"service": self._service, "to": target, "key": idempotency_key, "epoch": epoch}
        secret = read_secret(self._spec.secret) if self._spec.secret else None
        answer = post_json(self._spec.url, body, key=idempotency_key, at=at, timeout=self._spec.timeout, secret=secret)
        return answer.status not in DONE_ALREADY

    def verify(self, target: str) -> bool:
        """Whether `target` serves; what cannot be observed is left to the SLI."""
        return target == PREVIOUS or self.observe() in (None, target)

    def _observed(self) -> Observed | None:
        if self._spec.observe is None:
            return None
        answer = get(self._spec.observe, timeout=self._spec.timeout)
        try:
            return Observed.model_validate_json(answer.body)
        except ValidationError as error:
            url = self._spec.observe.partition("?")[0]
            raise ActionError(f'GET {url}: did not answer {{"version": "..."}}', permanent=True) from error

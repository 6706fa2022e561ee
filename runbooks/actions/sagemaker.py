"""The SageMaker hook: an endpoint goes to another endpoint config, or a variant's share of its traffic changes.

SageMaker keeps no history of what an endpoint served: what was before is a tag of the endpoint, `burnline:from`, that
holds while `burnline:to` is what serves. Both are written before a change is asked for, by this hook or by the pipeline
that releases; going back writes none, so that a rollback is never undone by the next one. `burnline:key`,
`burnline:epoch` and `burnline:at` follow once SageMaker took the change. An update takes minutes: it is waited for.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from burnline.errors import ActionError, InDoubt, Moved
from burnline.runbooks.actions.contract import PREVIOUS, Plan, first_flaw
from burnline.runbooks.actions.outbound import check_host
from burnline.spec.hooks import SagemakerHookSpec
from burnline.spec.words import choice, shown

READY = "InService"
UNDER_WAY = ("Creating", "Updating", "SystemUpdating", "RollingBack")
LOOK_SECONDS = 5.0
CONNECT_SECONDS, READ_SECONDS = 10, 30
PERCENT = re.compile(r"(100|[0-9]{1,2}(\.[0-9]{1,2})?)")
MAY_PASS = ("Throttling", "ThrottlingException", "RequestLimitExceeded", "ResourceInUse", "ConflictException")


class Variant(BaseModel):
    VariantName: str
    CurrentWeight: float = 0.0
    DesiredWeight: float | None = None


class Pending(BaseModel):
    EndpointConfigName: str


class Endpoint(BaseModel):
    """What DescribeEndpoint answers; only what the hook reads."""

    EndpointArn: str
    EndpointConfigName: str
    EndpointStatus: str
    FailureReason: str = ""
    ProductionVariants: list[Variant] = Field(default_factory=list)
    PendingDeploymentSummary: Pending | None = None


class Api:
    """SageMaker through botocore, whose own chain finds credentials: environment, files, the instance's role."""

    def __init__(self, region: str | None, client: Any = None) -> None:
        self._region = region
        self._client = client

    def __call__(self, operation: str, **arguments: Any) -> Mapping[str, Any]:
        """One call. Raises: ActionError; InDoubt when a change was sent and no answer came."""
        botocore = _import_botocore()
        known = botocore.exceptions
        try:
            answer: Mapping[str, Any] = getattr(self._connected(botocore), operation)(**arguments)
        except known.ClientError as error:
            raise _refused(operation, error.response) from error
        except known.ConnectionError as error:
            raise ActionError(f"SageMaker {operation}: {error}", permanent=False) from error
        except known.HTTPClientError as error:  # it went out, and no whole answer came
            if operation.startswith(("describe", "list")):
                raise ActionError(f"SageMaker {operation}: no answer", permanent=False) from error
            raise InDoubt(f"SageMaker {operation}: no answer") from error
        except known.BotoCoreError as error:
            raise ActionError(f"SageMaker {operation}: {error}", permanent=True) from error
        return answer

    def _connected(self, botocore: Any) -> Any:
        if self._client is None:
            config = botocore.config.Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"total_max_attempts": 1},  # the run's own retries compare first
                proxies={},
            )
            session = botocore.session.get_session()
            self._client = session.create_client("sagemaker", region_name=self._region, config=config)
        check_host(self._client.meta.endpoint_url)
        return self._client


class SagemakerHook:
    """Updates an endpoint. Idempotent: it looks first, and waits for an update that is on its way."""

    kind = "sagemaker"
    idempotent = True

    def __init__(
        self,
        spec: SagemakerHookSpec,
        *,
        api: Callable[..., Mapping[str, Any]] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._spec = spec
        self._api = api or Api(spec.region)
        self._pause = pause
        region = f"{spec.region}/" if spec.region else ""
        self.target = f"{region}{spec.endpoint}{'#' + spec.variant if spec.variant else ''}"

    def observe(self) -> str:
        """The endpoint config that serves; with `variant`, its percent of the traffic."""
        return self._current(self._describe())

    def changed_at(self) -> datetime | None:
        """When burnline changed it, else when the endpoint config that serves was made; None when neither is known."""
        endpoint = self._describe()
        tags = self._tags(endpoint)
        if tags.get("to") == self._current(endpoint) and tags.get("at"):
            try:
                return datetime.fromisoformat(tags["at"]).astimezone(UTC)
            except ValueError:
                return None
        if self._spec.variant is not None:
            return None
        made = self._api("describe_endpoint_config", EndpointConfigName=endpoint.EndpointConfigName)["CreationTime"]
        return made.astimezone(UTC) if isinstance(made, datetime) else None

    def plan(self, target: str) -> Plan:
        """What would serve. Raises: ActionError when it is not in service, or nothing says what was before."""
        endpoint = self._in_service()
        current = self._current(endpoint)
        to = self._before(endpoint) if target == PREVIOUS else target
        if to is None:
            raise self._error(
                f"nothing says what served before {shown(current)}: SageMaker keeps no history of an endpoint, and its "
                f"tags {self._tag('from')} and {self._tag('to')} do not tell"
            )
        self._check(to)
        return Plan(self.kind, self.target, current, to)

    def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: datetime) -> bool:
        """Ask for the change if `before` serves, and wait until it is made. Raises: ActionError, InDoubt."""
        endpoint = self._describe()
        if self._on_its_way(endpoint, target):
            self._note(endpoint, idempotency_key, epoch, at)
            return self._wait(target)
        self._check_status(endpoint)
        current = self._current(endpoint)
        if current == target:
            return False
        self._check(target)
        if before not in (None, current) or self._tags(endpoint).get("key") == idempotency_key:
            raise Moved(f"SageMaker endpoint {self.target} was moved to {shown(current)} by another hand")
        back = self._before(endpoint) == target
        self._write_tags(endpoint, {"from": "" if back else current, "to": target})
        self._ask(endpoint, target)
        self._note(endpoint, idempotency_key, epoch, at)
        return self._wait(target)

    def verify(self, target: str) -> bool:
        """Whether `target` serves, and no update is under way."""
        endpoint = self._describe()
        return endpoint.EndpointStatus == READY and self._current(endpoint) == target

    def _describe(self) -> Endpoint:
        answer = self._api("describe_endpoint", EndpointName=self._spec.endpoint)
        try:
            return Endpoint.model_validate(answer)
        except ValidationError as error:
            raise self._error(f"describe_endpoint answered what cannot be used: {first_flaw(error)}") from error

    def _in_service(self) -> Endpoint:
        endpoint = self._describe()
        self._check_status(endpoint)
        return endpoint

    def _check_status(self, endpoint: Endpoint) -> None:
        status = endpoint.EndpointStatus
        if status != READY:
            why = f": {endpoint.FailureReason}" if endpoint.FailureReason else ""
            raise self._error(f"is {status}, not {READY}{why}", permanent=status not in UNDER_WAY)

    def _current(self, endpoint: Endpoint) -> str:
        if self._spec.variant is None:
            return endpoint.EndpointConfigName
        return _percent(self._weights(endpoint), self._spec.variant)

    def _weights(self, endpoint: Endpoint) -> Mapping[str, float]:
        weights = {each.VariantName: each.CurrentWeight for each in endpoint.ProductionVariants}
        if self._spec.variant not in weights:
            there = choice(weights) if weights else "none"
            raise self._error(f"has no variant {shown(self._spec.variant)}; there are {there}")
        return weights

    def _before(self, endpoint: Endpoint) -> str | None:
        """What served before, while the tags speak of what serves now."""
        tags = self._tags(endpoint)
        return (tags.get("from") or None) if tags.get("to") == self._current(endpoint) else None

    def _check(self, target: str) -> None:
        """Raises: ActionError when it is nothing this endpoint could become."""
        if self._spec.variant is None:
            self._api("describe_endpoint_config", EndpointConfigName=target)
        elif not PERCENT.fullmatch(target):
            raise self._error(f"{shown(target)} is no percent of the traffic; write a number from 0 to 100")

    def _on_its_way(self, endpoint: Endpoint, target: str) -> bool:
        """Whether an earlier try asked for it, and it is not made yet."""
        if endpoint.EndpointStatus != "Updating":
            return False
        if self._spec.variant is None:
            pending = endpoint.PendingDeploymentSummary
            return pending is not None and pending.EndpointConfigName == target
        wanted = {each.VariantName: each.DesiredWeight or 0.0 for each in endpoint.ProductionVariants}
        return self._spec.variant in wanted and _percent(wanted, self._spec.variant) == target

    def _ask(self, endpoint: Endpoint, target: str) -> None:
        if self._spec.variant is None:
            self._api(
                "update_endpoint", EndpointName=self._spec.endpoint, EndpointConfigName=target, **self._deployment()
            )
            return
        weights = shifted(self._weights(endpoint), self._spec.variant, float(target))
        self._api(
            "update_endpoint_weights_and_capacities",
            EndpointName=self._spec.endpoint,
            DesiredWeightsAndCapacities=[
                {"VariantName": name, "DesiredWeight": weight} for name, weight in weights.items()
            ],
        )

    def _deployment(self) -> Mapping[str, Any]:
        """How SageMaker takes an update back by itself when an alarm goes off meanwhile."""
        if not self._spec.alarms:
            return {}
        routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
        alarms = [{"AlarmName": name} for name in self._spec.alarms]
        return {
            "DeploymentConfig": {
                "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing},
                "AutoRollbackConfiguration": {"Alarms": alarms},
            }
        }

    def _wait(self, target: str) -> bool:
        give_up = time.monotonic() + self._spec.timeout.total_seconds()
        while (endpoint := self._describe()).EndpointStatus in UNDER_WAY:
            if time.monotonic() >= give_up:
                raise InDoubt(f"SageMaker endpoint {self.target} is still {endpoint.EndpointStatus}")
            self._pause(LOOK_SECONDS)
        self._check_status(endpoint)
        if (found := self._current(endpoint)) != target:
            why = f": {endpoint.FailureReason}" if endpoint.FailureReason else ""
            raise self._error(f"did not become {shown(target)}, SageMaker went back to {shown(found)}{why}")
        return True

    def _tags(self, endpoint: Endpoint) -> Mapping[str, str]:
        """burnline's own, without their prefix."""
        answer = self._api("list_tags", ResourceArn=endpoint.EndpointArn)
        ours = {self._tag(name): name for name in ("from", "to", "key", "epoch", "at")}
        return {ours[tag["Key"]]: tag["Value"] for tag in answer["Tags"] if tag["Key"] in ours}

    def _note(self, endpoint: Endpoint, key: str, epoch: int, at: datetime) -> None:
        moment = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._write_tags(endpoint, {"key": key, "epoch": str(epoch), "at": moment})

    def _write_tags(self, endpoint: Endpoint, tags: Mapping[str, str]) -> None:
        written = [{"Key": self._tag(name), "Value": value} for name, value in tags.items()]
        self._api("add_tags", ResourceArn=endpoint.EndpointArn, Tags=written)

    def _tag(self, name: str) -> str:
        return f"burnline:{name}:{self._spec.variant}" if self._spec.variant else f"burnline:{name}"

    def _error(self, words: str, *, permanent: bool = True) -> ActionError:
        return ActionError(f"SageMaker endpoint {self.target}: {words}", permanent=permanent)


def shifted(weights: Mapping[str, float], variant: str, percent: float) -> Mapping[str, float]:
    """Weights that give `variant` its percent; the others share the rest as they did, or evenly if they had none.

    >>> shifted({"blue": 3, "green": 1, "new": 4}, "new", 20)
    {'blue': 60.0, 'green': 20.0, 'new': 20.0}
    """
    others = {name: weight for name, weight in weights.items() if name != variant}
    total = sum(others.values())
    rest = 100.0 - percent
    parts = {name: rest * (weight / total if total else 1 / len(others)) for name, weight in others.items()}
    return {name: parts.get(name, percent) for name in weights}


def _percent(weights: Mapping[str, float], variant: str) -> str:
    total = sum(weights.values())
    return f"{round(100 * weights[variant] / total, 2):g}" if total else "0"


def _import_botocore() -> Any:
    try:
        import botocore.config
        import botocore.exceptions
        import botocore.session
    except ImportError as error:
        raise ActionError("SageMaker needs botocore: pip install 'burnline[sagemaker]'", permanent=True) from error
    return botocore


def _refused(operation: str, response: Mapping[str, Any]) -> ActionError:
    said = response.get("Error", {})
    code, message = str(said.get("Code", "")), str(said.get("Message", ""))[:300]
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    passing = status >= 500 or code in MAY_PASS or "in-progress" in message
    return ActionError(f"SageMaker {operation}: {code}: {message}", permanent=not passing)

"""The SageMaker hook: botocore against an API that behaves, and once against botocore's own stubber."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from burnline.errors import ActionError, InDoubt, Moved
from burnline.runbooks.actions.sagemaker import Api, SagemakerHook, shifted
from burnline.spec.hooks import SagemakerHookSpec
from tests.fakes.sagemaker import ARN, FakeSagemaker, reached
from tests.runbooks.scene import T0

TAGGED = {"burnline:from": "fraud-v1", "burnline:to": "fraud-v2"}


@pytest.fixture
def sagemaker() -> Iterator[FakeSagemaker]:
    """An endpoint that a pipeline updated from v1 to v2, and said so."""
    fake = FakeSagemaker(tags=dict(TAGGED))
    with reached(fake):
        yield fake


def hook(**more: Any) -> SagemakerHook:
    spec = {"endpoint": "card-fraud", "region": "eu-west-1", **more}
    return SagemakerHook(SagemakerHookSpec.model_validate(spec), pause=lambda _: None)


def apply(made: SagemakerHook, target: str, before: str | None = None, key: str = "k") -> bool:
    return made.apply(target, before=before, idempotency_key=key, epoch=3, at=T0)


def test_an_endpoint_goes_back_to_the_config_before_and_is_waited_for(sagemaker: FakeSagemaker) -> None:
    made = hook()
    plan = made.plan("previous")

    changed = apply(made, plan.to_version, plan.from_version)

    assert str(plan) == "sagemaker eu-west-1/card-fraud: fraud-v2 -> fraud-v1"
    assert (changed, made.verify("fraud-v1"), made.changed_at()) == (True, True, T0)
    assert sagemaker.changes() == [{"EndpointName": "card-fraud", "EndpointConfigName": "fraud-v1"}]


def test_after_a_rollback_nothing_is_previous(sagemaker: FakeSagemaker) -> None:
    made = hook()
    apply(made, "fraud-v1", "fraud-v2")

    with pytest.raises(ActionError, match="nothing says what served before 'fraud-v1'") as caught:
        made.plan("previous")

    assert caught.value.permanent


def test_a_move_forward_leaves_a_way_back_with_its_key(sagemaker: FakeSagemaker) -> None:
    made = hook()

    apply(made, "fraud-v3", "fraud-v2")

    assert made.plan("previous").to_version == "fraud-v2"
    assert sagemaker.tags == {
        "burnline:from": "fraud-v2",
        "burnline:to": "fraud-v3",
        "burnline:key": "k",
        "burnline:epoch": "3",
        "burnline:at": "2026-01-05T12:00:00.000Z",
    }


def test_tags_that_speak_of_another_config_are_not_believed(sagemaker: FakeSagemaker) -> None:
    sagemaker.config = "fraud-v3"

    with pytest.raises(ActionError, match="nothing says what served before"):
        hook().plan("previous")

    assert hook().changed_at() == datetime(2026, 1, 5, 10, 0, tzinfo=UTC), "when its config was made"


def test_alarms_take_an_update_back_and_that_is_told(sagemaker: FakeSagemaker) -> None:
    sagemaker.alarm = True

    with pytest.raises(ActionError, match=r"SageMaker went back to 'fraud-v2': .* ALARM state") as caught:
        apply(hook(alarms=["errors", "latency"]), "fraud-v1", "fraud-v2")

    assert caught.value.permanent
    assert sagemaker.changes()[0]["DeploymentConfig"] == {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}, {"AlarmName": "latency"}]},
    }


def test_an_update_on_its_way_is_waited_for_and_not_asked_for_again(sagemaker: FakeSagemaker) -> None:
    sagemaker.lose = True
    with pytest.raises(InDoubt, match="update_endpoint: no answer"):
        apply(hook(), "fraud-v1", "fraud-v2")

    assert apply(hook(), "fraud-v1", "fraud-v2")

    assert len(sagemaker.changes()) == 1
    assert hook().verify("fraud-v1")
    assert sagemaker.tags["burnline:key"] == "k"


def test_an_update_that_takes_too_long_is_in_doubt(sagemaker: FakeSagemaker) -> None:
    sagemaker.slow = 1_000_000

    with pytest.raises(InDoubt, match="is still Updating"):
        apply(hook(timeout="100ms"), "fraud-v1", "fraud-v2")


@pytest.mark.parametrize(
    ("status", "permanent"),
    [("Updating", False), ("SystemUpdating", False), ("RollingBack", False), ("Failed", True), ("OutOfService", True)],
)
def test_an_endpoint_that_is_not_in_service_is_not_changed(
    sagemaker: FakeSagemaker, status: str, permanent: bool
) -> None:
    sagemaker.status = status

    for call in (lambda: hook().plan("fraud-v1"), lambda: apply(hook(), "fraud-v1")):
        with pytest.raises(ActionError, match=f"is {status}, not InService") as caught:
            call()
        assert caught.value.permanent is permanent
    assert sagemaker.changes() == []


def test_what_somebody_else_released_meanwhile_is_left_alone(sagemaker: FakeSagemaker) -> None:
    sagemaker.config = "fraud-v3"

    with pytest.raises(Moved, match="was moved to 'fraud-v3' by another hand"):
        apply(hook(), "fraud-v1", "fraud-v2")

    assert sagemaker.changes() == []


def test_an_unknown_config_is_a_permanent_error(sagemaker: FakeSagemaker) -> None:
    for call in (lambda: hook().plan("fraud-v9"), lambda: apply(hook(), "fraud-v9")):
        with pytest.raises(ActionError, match="Could not find endpoint configuration fraud-v9") as caught:
            call()
        assert caught.value.permanent


@pytest.mark.parametrize(
    ("refused", "permanent"),
    [
        ((400, "AccessDeniedException", "not allowed"), True),
        ((400, "ThrottlingException", "Rate exceeded"), False),
        ((400, "ValidationException", "Cannot update in-progress endpoint"), False),
        ((503, "ServiceUnavailable", ""), False),
    ],
)
def test_a_refusal_is_told_with_its_code(
    sagemaker: FakeSagemaker, refused: tuple[int, str, str], permanent: bool
) -> None:
    sagemaker.refuse = {"UpdateEndpoint": refused}

    with pytest.raises(ActionError, match=f"update_endpoint: {refused[1]}") as caught:
        apply(hook(), "fraud-v1", "fraud-v2")

    assert caught.value.permanent is permanent
    assert "canary" not in str(caught.value)


def test_who_may_not_tag_is_refused_before_anything_changes(sagemaker: FakeSagemaker) -> None:
    sagemaker.refuse = {"AddTags": (400, "AccessDeniedException", "not allowed")}

    with pytest.raises(ActionError, match="add_tags: AccessDeniedException"):
        apply(hook(), "fraud-v1", "fraud-v2")

    assert sagemaker.changes() == []


def test_a_variant_gets_its_percent_and_the_others_the_rest(sagemaker: FakeSagemaker) -> None:
    sagemaker.weights = {"blue": 45.0, "grey": 45.0, "green": 10.0}
    made = hook(variant="green")
    plan = made.plan("0")

    apply(made, plan.to_version, plan.from_version)

    assert (plan.target, plan.from_version) == ("eu-west-1/card-fraud#green", "10")
    assert sagemaker.weights == {"blue": 50.0, "grey": 50.0, "green": 0.0}
    assert made.verify("0")
    assert made.plan("previous").to_version == "10"
    assert made.changed_at() == T0


@pytest.mark.parametrize("target", ["101", "-1", "ten", "1e1", "5%", ""])
def test_what_is_no_percent_is_refused(sagemaker: FakeSagemaker, target: str) -> None:
    with pytest.raises(ActionError, match="is no percent of the traffic; write a number from 0 to 100"):
        hook(variant="green").plan(target)


def test_an_unknown_variant_is_a_permanent_error(sagemaker: FakeSagemaker) -> None:
    with pytest.raises(ActionError, match="has no variant 'red'; there are blue or green") as caught:
        hook(variant="red").observe()

    assert caught.value.permanent


def test_others_without_traffic_share_evenly() -> None:
    assert shifted({"a": 0, "b": 0, "c": 100}, "c", 40) == {"a": 30, "b": 30, "c": 40}


def test_a_host_outside_the_list_is_not_asked(sagemaker: FakeSagemaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_HOOK_HOSTS", "*.amazonaws.com")

    with pytest.raises(ActionError, match=r"127\.0\.0\.1 is not in BURNLINE_HOOK_HOSTS"):
        hook().observe()

    assert sagemaker.asked == []


def test_without_botocore_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.config", None)

    with pytest.raises(ActionError, match=r"pip install 'burnline\[sagemaker\]'") as caught:
        hook().observe()

    assert caught.value.permanent


def test_without_credentials_or_region_it_says_so(sagemaker: FakeSagemaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(ActionError, match="specify a region") as no_region:
        hook(region=None).observe()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ActionError, match="Unable to locate credentials") as no_credentials:
        hook().observe()

    assert no_region.value.permanent
    assert no_credentials.value.permanent


def test_nobody_listening_may_pass(sagemaker: FakeSagemaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", "http://127.0.0.1:1")

    with pytest.raises(ActionError) as caught:
        hook().observe()

    assert not caught.value.permanent


def test_what_is_sent_and_read_fits_the_model_that_botocore_has_of_the_api() -> None:
    import botocore.session
    from botocore.stub import Stubber

    client = botocore.session.get_session().create_client(
        "sagemaker", region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none"
    )
    named = {"EndpointName": "card-fraud"}
    common = {**named, "EndpointArn": ARN, "CreationTime": T0, "LastModifiedTime": T0}
    variants = [{"VariantName": "blue"}]
    config = {"EndpointConfigArn": f"{ARN}-config", "ProductionVariants": variants, "CreationTime": T0}

    def endpoint(serves: str, status: str) -> dict[str, Any]:
        return {**common, "EndpointConfigName": serves, "EndpointStatus": status}

    api = Api("eu-west-1", client)
    made = SagemakerHook(SagemakerHookSpec(endpoint="card-fraud", alarms=("errors",)), api=api, pause=lambda _: None)
    with Stubber(client) as stub:
        stub.add_response("describe_endpoint", endpoint("v2", "InService"), named)
        stub.add_response(
            "describe_endpoint_config", {**config, "EndpointConfigName": "v1"}, {"EndpointConfigName": "v1"}
        )
        for _ in range(2):
            stub.add_response("list_tags", {"Tags": []}, {"ResourceArn": ARN})
        stub.add_response("add_tags", {"Tags": []})
        stub.add_response("update_endpoint", {"EndpointArn": ARN})
        stub.add_response("add_tags", {"Tags": []})
        stub.add_response("describe_endpoint", endpoint("v2", "Updating"), named)
        stub.add_response("describe_endpoint", endpoint("v1", "InService"), named)

        changed = apply(made, "v1", "v2")

        stub.assert_no_pending_responses()
    assert changed


@pytest.mark.parametrize(
    "wrong",
    [{"endpoint": "a b"}, {"region": "eu/../x"}, {"alarms": ["a"] * 11}, {"variant": "green", "alarms": ["a"]}],
)
def test_a_wrong_spec_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        hook(**wrong)

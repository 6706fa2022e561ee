"""The scenarios of hooks that change models, flags and releases of Helm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from burnline.runbooks.actions import helm as helm_hook
from burnline.runbooks.actions.flags import FlagdFileHook, FlagFileHook
from burnline.runbooks.actions.helm import HelmHook
from burnline.runbooks.actions.mlflow import MlflowAliasHook
from burnline.runbooks.actions.sagemaker import SagemakerHook
from burnline.runbooks.actions.unleash import UnleashHook
from burnline.spec.hooks import (
    FlagdFileHookSpec,
    FlagFileHookSpec,
    HelmHookSpec,
    MlflowAliasHookSpec,
    SagemakerHookSpec,
    UnleashHookSpec,
)
from tests.fakes.helm import FakeHelm
from tests.fakes.mlflow import FakeMlflow
from tests.fakes.sagemaker import FakeSagemaker, reached
from tests.fakes.unleash import TOKEN, FakeUnleash
from tests.fakes.web import serving
from tests.runbooks.scenarios import Scenario, scenario


@scenario("mlflow_alias")
@contextmanager
def mlflow_alias(_folder: Path) -> Iterator[Scenario]:
    """An alias that a pipeline moved from version 1 to 2, and said so."""
    fake = FakeMlflow(tags={"2": {"burnline.previous.champion": "1"}})
    with serving(fake) as url:
        yield Scenario(
            hook=MlflowAliasHook(MlflowAliasHookSpec(url=url, model="card-fraud")),
            before="2",
            to="1",
            changes=lambda: sum(each.startswith("registered-models/alias") for each in fake.writes()),
            unknown="9",
            move=lambda: fake.aliases.update(champion="3"),
            put_back=lambda: fake.aliases.update(champion="2"),
            lose=lambda: fake.lost.add("registered-models/alias"),
        )


@scenario("flagd_file")
@contextmanager
def flagd_file(folder: Path) -> Iterator[Scenario]:
    """A flag whose default variant is v2."""
    file = folder / "flags.json"

    def write(variant: str) -> None:
        flag = {"state": "ENABLED", "variants": {"v1": 1, "v2": 2, "v3": 3}, "defaultVariant": variant}
        file.write_text(json.dumps({"flags": {"prompt": flag}}))

    write("v2")
    yield Scenario(
        hook=FlagdFileHook(FlagdFileHookSpec(file=str(file), flag="prompt")),
        before="v2",
        to="v1",
        ask="v1",
        changes=lambda: moves(file),
        move=lambda: write("v3"),
        put_back=lambda: write("v2"),
    )


@scenario("flag_file")
@contextmanager
def flag_file(folder: Path) -> Iterator[Scenario]:
    """A file that does not say yet that load is shed."""
    file = folder / "shed"
    states = ("off", "shed-low", "shed-all")
    yield Scenario(
        hook=FlagFileHook(FlagFileHookSpec(file=str(file), states=states)),
        before="off",
        to="shed-low",
        ask="shed-low",
        changes=lambda: moves(file),
        move=lambda: file.write_text("shed-all\n"),
        put_back=file.unlink,
    )


def moves(file: Path) -> int:
    """How often burnline changed a flag of this file."""
    history = Path(f"{file}.history.json")
    return len(json.loads(history.read_text())["history"]) if history.exists() else 0


@scenario("unleash")
@contextmanager
def unleash(folder: Path) -> Iterator[Scenario]:
    """A feature that is on."""
    fake, token = FakeUnleash(), folder / "token"
    token.write_text(TOKEN)
    with serving(fake) as url:
        spec = UnleashHookSpec(url=url, feature="rerank", environment="production", token=f"file:{token}")
        yield Scenario(
            hook=UnleashHook(spec),
            before="on",
            to="off",
            changes=lambda: len(fake.switched),
            put_back=lambda: fake.features.update(rerank=True),
            lose=lambda: setattr(fake, "lose", True),
            keyed=False,
        )


@scenario("helm")
@contextmanager
def helm(folder: Path) -> Iterator[Scenario]:
    """A release whose second revision serves."""
    fake = FakeHelm(folder, "superseded", "deployed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(helm_hook, "GRACE", timedelta(0))
        spec = {"release": "card-fraud", "namespace": "models", "helm": str(fake.path), "timeout": "1s"}
        yield Scenario(
            hook=HelmHook(HelmHookSpec.model_validate(spec)),
            before="2",
            to="1",
            changes=lambda: len(fake.rollbacks()),
            move=fake.add,
            put_back=lambda: fake.add(description="Rollback to 2"),
            lose=lambda: fake.set(hangs=True),
            keyed=False,
        )


@scenario("sagemaker")
@contextmanager
def sagemaker(_folder: Path) -> Iterator[Scenario]:
    """An endpoint that a pipeline updated from one config to the next, and said so."""
    fake = FakeSagemaker(tags={"burnline:from": "fraud-v1", "burnline:to": "fraud-v2"})
    with reached(fake):
        yield Scenario(
            hook=SagemakerHook(SagemakerHookSpec(endpoint="card-fraud", region="eu-west-1"), pause=lambda _: None),
            before="fraud-v2",
            to="fraud-v1",
            changes=lambda: len(fake.changes()),
            unknown="fraud-v9",
            move=lambda: setattr(fake, "config", "fraud-v3"),
            put_back=lambda: setattr(fake, "config", "fraud-v2"),
            lose=lambda: setattr(fake, "lose", True),
        )


@scenario("sagemaker:variant")
@contextmanager
def sagemaker_variant(_folder: Path) -> Iterator[Scenario]:
    """A variant that has a tenth of the traffic, and shall have none."""
    fake = FakeSagemaker()
    spec = SagemakerHookSpec(endpoint="card-fraud", region="eu-west-1", variant="green")
    with reached(fake):
        yield Scenario(
            hook=SagemakerHook(spec, pause=lambda _: None),
            before="10",
            to="0",
            ask="0",
            changes=lambda: len(fake.changes()),
            move=lambda: fake.weights.update(green=90.0),
            put_back=lambda: setattr(fake, "weights", {"blue": 90.0, "green": 10.0}),
            lose=lambda: setattr(fake, "lose", True),
        )

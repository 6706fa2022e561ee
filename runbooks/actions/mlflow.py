"""The MLflow hook: moves an alias of a registered model, over MLflow's REST API.

MLflow keeps no history of its aliases, has no compare-and-set, and nowhere to put an idempotency key. So:

- what served before a version is a tag of that version, `burnline.previous.<alias>`, written by this hook before it
  moves the alias forward, or by the pipeline that does; going back to what served before writes none, so that a
  rollback is never undone by the next one, and marks what was left with `burnline.taken_back.<alias>`;
- the alias is read before it is set and once more afterwards; another hand's move in between those two is overwritten,
  one after them is found;
- `burnline.key.<alias>`, `burnline.epoch.<alias>` and `burnline.changed_at.<alias>` on a version say which change
  brought it. They are written once the alias is set: a worker that dies in between leaves a move without a key, which
  the next one finds made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from burnline.errors import ActionError, Moved
from burnline.runbooks.actions.api import JsonApi, basic, bearer
from burnline.runbooks.actions.contract import PREVIOUS, Plan
from burnline.spec.hooks import MlflowAliasHookSpec
from burnline.spec.words import shown

API = "/api/2.0/mlflow"
ALIAS = f"{API}/registered-models/alias"
VERSION = f"{API}/model-versions/get"
VERSIONS = f"{API}/model-versions/search"
SET_TAG = f"{API}/model-versions/set-tag"
READY = "READY"
PENDING = "PENDING_REGISTRATION"
NOT_THERE = (400, 404)  # an alias that a model does not have is a 400, a model or version that is not there a 404
PAGE = "200"
Note = Literal["previous", "taken_back", "changed_at", "epoch", "key"]


class Tag(BaseModel):
    key: str
    value: str = ""


class ModelVersion(BaseModel):
    """A version; only what the hook reads."""

    version: Annotated[str, Field(pattern="^[0-9]{1,18}$")]
    status: str = READY
    tags: Sequence[Tag] = ()

    def tag(self, name: str) -> str:
        """What a tag holds; empty without it."""
        return next((tag.value for tag in self.tags if tag.key == name), "")


class OneVersion(BaseModel):
    model_version: ModelVersion


class Versions(BaseModel):
    model_versions: Sequence[ModelVersion] = ()
    next_page_token: str = ""


class Refused(BaseModel):
    error_code: str = ""
    message: str = ""


class MlflowAliasHook:
    """Moves an alias. Idempotent: it looks first, and setting an alias twice is setting it once."""

    kind = "mlflow_alias"
    idempotent = True

    def __init__(self, spec: MlflowAliasHookSpec) -> None:
        self._spec = spec
        self._api = JsonApi(spec.url, credentials=self._credentials, timeout=spec.timeout)
        self.target = f"{spec.url}#{spec.model}@{spec.alias}"

    def observe(self) -> str:
        """The version the alias names."""
        return self._serving().version

    def changed_at(self) -> datetime | None:
        """When the alias was moved to what it names, if the version's tags say so."""
        try:
            at = datetime.fromisoformat(self._serving().tag(self._name("changed_at")))
        except ValueError:
            return None
        return at.astimezone(UTC) if at.tzinfo else None

    def plan(self, target: str) -> Plan:
        """Where the alias would go. Raises: ActionError when nobody knows what served before, or `target` is none."""
        serving = self._serving()
        to = self._before(serving) if target == PREVIOUS else target
        return Plan(self.kind, self.target, serving.version, self._usable(to).version)

    def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: datetime) -> bool:
        """Set the alias to `target` if it names `before`, and look whether it stayed there. Raises: ActionError."""
        serving = self._serving()
        if serving.version == target:
            return False
        goal = self._usable(target)
        if before not in (None, serving.version) or goal.tag(self._name("key")) == idempotency_key:
            raise self._moved(serving)
        self._note_way(serving, target)
        self._set_alias(target)
        moment = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._set_tags(target, {"changed_at": moment, "epoch": str(epoch), "key": idempotency_key})
        if (now := self._serving()).version != target:
            raise self._moved(now)
        return True

    def verify(self, target: str) -> bool:
        """Whether the alias names `target`."""
        return self.observe() == target

    def _serving(self) -> ModelVersion:
        query = {"name": self._spec.model, "alias": self._spec.alias}
        return self._version(ALIAS, query, f"alias {shown(self._spec.alias)}")

    def _usable(self, version: str) -> ModelVersion:
        found = self._version(VERSION, {"name": self._spec.model, "version": version}, f"version {shown(version)}")
        if found.status != READY:
            wrong = f"{self._model()}: version {version} is {found.status}, not {READY}"
            raise ActionError(wrong, permanent=found.status != PENDING)
        return found

    def _version(self, path: str, query: Mapping[str, str], wanted: str) -> ModelVersion:
        answer = self._api.ask("GET", path, query=query, use=NOT_THERE)
        if answer.status in NOT_THERE:
            raise self._refused(path, answer.body, wanted)
        return self._api.parse(path, answer, OneVersion).model_version

    def _refused(self, path: str, body: bytes, wanted: str) -> ActionError:
        """What MLflow said, in a line: its own message where there is one."""
        try:
            said = Refused.model_validate_json(body)
        except ValueError:
            said = Refused()
        if not said.error_code:
            return ActionError(f"{self._spec.url} does not answer {path} as MLflow does", permanent=True)
        return ActionError(f"{self._model()} has no {wanted}: {shown(said.message)}", permanent=True)

    def _before(self, serving: ModelVersion) -> str:
        if recorded := serving.tag(self._name("previous")):
            return recorded
        if self._spec.previous == "older":
            for each in self._older_than(serving):
                return each.version
        tag = self._name("previous")
        raise ActionError(
            f"{self._model()}: nothing says what served before version {serving.version}: MLflow keeps no history of "
            f"its aliases, and the version has no tag {tag}",
            permanent=True,
        )

    def _older_than(self, serving: ModelVersion) -> Iterator[ModelVersion]:
        """Versions that could have served before, newest first: READY, and never taken back."""
        query = {"filter": f"name='{self._spec.model}'", "max_results": PAGE, "order_by": "version_number DESC"}
        while True:
            page = self._api.get(VERSIONS, query, Versions)
            for each in page.model_versions:
                fits = each.status == READY and each.tag(self._name("taken_back")) != "true"
                if fits and int(each.version) < int(serving.version):
                    yield each
            if not page.next_page_token:
                return
            query["page_token"] = page.next_page_token

    def _note_way(self, serving: ModelVersion, target: str) -> None:
        """Before the alias moves: so that a worker that dies afterwards leaves no version without a way back."""
        if target in self._chain(serving) or self._is_older(target, serving):
            self._set_tags(serving.version, {"taken_back": "true"})
        else:
            self._set_tags(target, {"previous": serving.version, "taken_back": "false"})

    def _chain(self, serving: ModelVersion) -> Iterator[str]:
        """What served before, and before that, by the tags; ends at what is not known, or comes round again."""
        seen = {serving.version}
        while (before := serving.tag(self._name("previous"))) and before not in seen:
            seen.add(before)
            yield before
            try:
                serving = self._usable(before)
            except ActionError as error:
                if not error.permanent:
                    raise
                return  # a version that is gone: what served before it no longer matters

    def _is_older(self, target: str, serving: ModelVersion) -> bool:
        """Whether going there is going back, where no tag tells."""
        return not serving.tag(self._name("previous")) and int(target) < int(serving.version)

    def _set_alias(self, version: str) -> None:
        body = {"name": self._spec.model, "alias": self._spec.alias, "version": version}
        answer = self._api.ask("POST", ALIAS, body=body, use=NOT_THERE)
        if answer.status in NOT_THERE:
            raise self._refused(ALIAS, answer.body, f"version {shown(version)}")

    def _set_tags(self, version: str, tags: Mapping[Note, str]) -> None:
        for name, value in tags.items():
            body = {"name": self._spec.model, "version": version, "key": self._name(name), "value": value}
            self._api.ask("POST", SET_TAG, body=body)

    def _name(self, what: Note) -> str:
        return f"burnline.{what}.{self._spec.alias}"

    def _moved(self, serving: ModelVersion) -> Moved:
        return Moved(f"{self._model()}@{self._spec.alias} was moved to {shown(serving.version)} by another hand")

    def _model(self) -> str:
        return f"MLflow model {self._spec.model}"

    def _credentials(self) -> Mapping[str, str]:
        if self._spec.token is not None:
            return bearer(self._spec.token)
        if self._spec.user is not None and self._spec.password is not None:
            return basic(self._spec.user, self._spec.password)
        return {}

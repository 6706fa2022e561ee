"""A web.config.yml in front of all of burnline: the guard first, then burnline's own rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from burnline.app.application import create_app
from burnline.app.web.access import WebAccess
from burnline.app.web.config import CLIENT_AUTH, TlsSpec, WebSpec
from burnline.app.wiring import build
from burnline.app.workers import Workers
from burnline.settings import Settings
from tests.app.serving import serving
from tests.app.test_cli_up import GOOD as GOOD_SERVICE
from tests.app.test_cli_up import UP, environment, service
from tests.app.web.conftest import PASSWORD, Certificates
from tests.app.web.test_access import GOOD, tls, trusting, write
from tests.programs import free_port, running

__all__ = ["service"]
TOKEN = {"Authorization": "Bearer burnline"}
SCRAPE = {"Authorization": "Bearer scraper"}
PAGE = (Path(__file__).parents[3] / "docs/exposition.md").read_text()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, hashed: str) -> Iterator[str]:
    """burnline with a token, behind a file with a user and a token of its own."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "token").write_text("scraper")
    file = folder / "web.config.yml"
    file.write_text(f"bearer_token_file: token\nbasic_auth_users:\n  prometheus: {hashed}\n")
    services = folder / "scoring.yaml"
    services.write_text(GOOD_SERVICE)
    app = build(Settings(services=services, database=f"sqlite:///{folder}/burnline.db", token="burnline"))
    app._workers = Workers([], app.instruments)
    with serving(create_app(app, WebAccess(file))) as url:
        yield url


@pytest.mark.parametrize("path", ["/", "/metrics", "/v1/services", "/openapi.json", "/static/page.css", "/readyz"])
def test_reading_needs_a_name_or_a_token(url: str, path: str) -> None:
    assert httpx.get(url + path).status_code == 401

    statuses = {httpx.get(url + path, auth=GOOD).status_code}
    statuses |= {httpx.get(url + path, headers=header).status_code for header in (TOKEN, SCRAPE)}

    assert 401 not in statuses
    assert len(statuses) == 1


def test_changing_needs_burnlines_own_token_as_before(url: str) -> None:
    body = {"state": "off", "actor": "ines", "reason": "a test"}

    assert httpx.post(f"{url}/v1/actions", json=body).status_code == 401
    assert httpx.post(f"{url}/v1/actions", json=body, auth=GOOD).status_code == 401
    assert httpx.post(f"{url}/v1/actions", json=body, headers=SCRAPE).status_code == 401
    assert httpx.post(f"{url}/v1/actions", json=body, headers=TOKEN).status_code == 200


def test_a_refusal_has_the_headers_of_every_answer(url: str) -> None:
    answer = httpx.get(url)

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_up_serves_by_the_file(service: Path, certificates: Certificates, hashed: str) -> None:
    file = service.parent / "web.config.yml"
    write(file, tls(certificates) + f"basic_auth_users: {{prometheus: {hashed}}}\n")
    port, log = free_port(), service.parent / "up.log"
    env, url = environment(service, BURNLINE_PORT=str(port)), f"https://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            return httpx.get(f"{url}/readyz", verify=trusting(certificates), auth=GOOD).is_success
        except httpx.HTTPError:
            return False

    with running([*UP, "--web.config.file", file], log=log, ready=ready, env=env):
        assert httpx.get(f"{url}/healthz", verify=trusting(certificates)).status_code == 200
        assert httpx.get(f"{url}/metrics", verify=trusting(certificates)).status_code == 401
        assert "burnline_" in httpx.get(f"{url}/metrics", verify=trusting(certificates), auth=GOOD).text

    assert f'"url": "{url}"' in log.read_text()
    assert PASSWORD not in log.read_text()


def test_a_wrong_file_stops_the_start(service: Path) -> None:
    file = service.parent / "web.config.yml"
    file.write_text("basic_auth_users: {prometheus: hunter2}\n")
    env = environment(service, BURNLINE_PORT=str(free_port()), BURNLINE_WEB_CONFIG=str(file))
    log = service.parent / "up.log"

    with pytest.raises(AssertionError, match="exited with 1"), running(UP, log=log, ready=lambda: False, env=env):
        pass

    assert f"{file}:1: basic_auth_users.prometheus: is no bcrypt hash" in log.read_text()
    assert "hunter2" not in log.read_text()
    assert "Traceback" not in log.read_text()
    assert not (service.parent / "burnline.db").exists()


def test_every_key_and_the_example_are_documented(tmp_path: Path) -> None:
    keys = {*TlsSpec.model_fields, *WebSpec.model_fields} - {"tls_server_config"}

    assert [key for key in keys if f"`{key}`" not in PAGE and f".{key}`" not in PAGE] == []
    assert [word for word in CLIENT_AUTH if f"`{word}`" not in PAGE] == []
    (hashed,) = re.findall(r"prometheus: (\$2y\S+)", PAGE)
    write(tmp_path / "web.config.yml", f"basic_auth_users: {{prometheus: {hashed}}}\n")
    assert WebAccess(tmp_path / "web.config.yml").config.guarded

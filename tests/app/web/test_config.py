"""web.config.yml: what is accepted, and how the rest is refused."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

import pytest

from burnline.app.web.config import CIPHERS, COSTS, read_web_config
from burnline.errors import SpecError
from tests.app.web.conftest import Certificates

GOOD_HASH = "$2y$10$" + "a" * 53


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "web.config.yml"


def refused(file: Path, text: str) -> str:
    """What is said of a file with this text."""
    file.write_text(text)
    with pytest.raises(SpecError) as error:
        read_web_config(file)
    return str(error.value)


def test_an_empty_file_asks_for_nothing(file: Path) -> None:
    file.write_text("\n")

    config = read_web_config(file)

    assert not config.guarded
    assert config.tls is None


def test_users_and_their_hashes_are_read(file: Path) -> None:
    file.write_text(f"basic_auth_users:\n  prometheus: {GOOD_HASH}\n  'José: a': {GOOD_HASH.replace('2y', '2b')}\n")

    config = read_web_config(file)

    assert config.users == {"prometheus": GOOD_HASH.encode(), "José: a": GOOD_HASH.replace("2y", "2b").encode()}
    assert config.guarded


@pytest.mark.parametrize(
    "written",
    [
        "hunter2",
        "''",
        "12345",
        "$2y$10$short",
        "$1$" + "a" * 53,
        "[a]",
        f'"{GOOD_HASH}\\n"',
        GOOD_HASH.replace("y", "x"),
    ],
)
def test_what_is_no_hash_is_refused_by_line_and_never_repeated(file: Path, written: str) -> None:
    said = refused(file, f"basic_auth_users:\n  prometheus: {written}\n")

    assert said.startswith(f"{file}:2: basic_auth_users.prometheus: is no bcrypt hash; `htpasswd -nB NAME` makes one")
    assert "hunter2" not in said
    assert "12345" not in said


@pytest.mark.parametrize("cost", ["03", "16", "31", "99"])
def test_a_hash_that_would_stop_the_process_is_refused(file: Path, cost: str) -> None:
    said = refused(file, f"basic_auth_users: {{a: {GOOD_HASH.replace('10', cost)}}}\n")

    assert f"has a cost of {cost}; accepted: {COSTS[0]} to {COSTS[-1]}" in said


def test_an_unknown_key_is_refused_with_what_would_be_accepted(file: Path) -> None:
    said = refused(file, f"tls_server_config:\n  certfile: a\nbasic_auth_user: {{a: {GOOD_HASH}}}\n")

    assert f"{file}:2: tls_server_config.certfile: is no key here; accepted: " in said
    assert f"{file}:3: basic_auth_user: is no key here; accepted: " in said
    assert "did you mean 'basic_auth_users'" in said


@pytest.mark.parametrize("text", ["- a\n", "a: [\n", "basic_auth_users: {a: 1, a: 2}\n", "\x00", "a: &b {c: *b}\n"])
def test_what_is_no_such_file_is_refused_in_words(file: Path, text: str) -> None:
    assert refused(file, text).startswith(f"{file}:")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"nowhere\.yml: cannot be read"):
        read_web_config(tmp_path / "nowhere.yml")


def test_files_are_looked_for_beside_the_file(
    file: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("server", "server_key", "authority"):
        (file.parent / f"{name}.pem").write_bytes((certificates.folder / f"{name}.pem").read_bytes())
    (file.parent / "token").write_text("s3cret\n")
    file.write_text(
        "bearer_token_file: token\n"
        "tls_server_config:\n  cert_file: server.pem\n  key_file: server_key.pem\n  client_ca_file: authority.pem\n"
        "  client_auth_type: RequireAndVerifyClientCert\n  min_version: TLS13\n"
    )
    monkeypatch.chdir("/")

    config = read_web_config(file)

    assert config.token == "s3cret"
    assert config.tls is not None
    assert config.tls.verify_mode is ssl.CERT_REQUIRED
    assert config.tls.minimum_version is ssl.TLSVersion.TLSv1_3
    assert len(config.files) == 5


def test_the_cipher_suites_are_those_of_openssl(file: Path, certificates: Certificates) -> None:
    suites = "".join(f"    - {name}\n" for name in CIPHERS)
    tls = f"tls_server_config:\n  cert_file: {certificates.server}\n  key_file: {certificates.server_key}\n"
    file.write_text(f"{tls}  cipher_suites:\n{suites}")

    config = read_web_config(file)

    assert config.tls is not None
    known = {each["name"] for each in config.tls.get_ciphers()}
    assert set(CIPHERS.values()) <= known


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("cert_file: nowhere.pem", "cert_file: {folder}/nowhere.pem cannot be used: No such file"),
        ("key_file: {other_key}", "cert_file: {server} cannot be used: KEY_VALUES_MISMATCH"),
        ("client_ca_file: {token}", "client_ca_file: {token} cannot be used: "),
        (
            "client_auth_type: RequireAndVerifyClientCert",
            "client_auth_type: RequireAndVerifyClientCert needs client_ca",
        ),
        ("client_auth_type: RequireAnyClientCert", "client_auth_type: is 'RequireAnyClientCert'; accepted: "),
        ("min_version: TLS10", "min_version: is 'TLS10'; accepted: "),
        ("min_version: TLS13\n  max_version: TLS12", "min_version: is TLS13, above max_version TLS12"),
        ("cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]", "cipher_suites[0]: is 'TLS_RSA_WITH_RC4_128_SHA'; accepted: "),
    ],
)
def test_tls_that_cannot_be_spoken_is_refused(file: Path, certificates: Certificates, lines: str, said: str) -> None:
    token = file.parent / "token"
    token.write_text("no certificate")
    names = {"folder": file.parent, "token": token, "server": certificates.server, "other_key": certificates.other_key}
    written = {"cert_file": f"{certificates.server}", "key_file": f"{certificates.server_key}"}
    written.update(re.findall(r"(\w+): (.*)", lines.format(**names)))

    told = refused(file, "tls_server_config:\n" + "".join(f"  {key}: {value}\n" for key, value in written.items()))

    assert f"tls_server_config.{said.format(**names)}" in told


@pytest.mark.parametrize("content", [None, "", " \n", b"\xff"])
def test_a_token_that_cannot_be_read_is_refused(file: Path, content: str | bytes | None) -> None:
    if content is not None:
        (file.parent / "token").write_bytes(content.encode() if isinstance(content, str) else content)

    assert f"{file}:1: bearer_token_file: {file.parent}/token " in refused(file, "bearer_token_file: token\n")

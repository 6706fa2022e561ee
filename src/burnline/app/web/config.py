"""The file web.config.yml, in the words of Prometheus' exporter-toolkit: TLS, basic authentication; a bearer token."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from burnline.errors import Problem, SpecError
from burnline.spec.document import Document, read_document
from burnline.spec.place import Flaw
from burnline.spec.problems import validate
from burnline.spec.regular import read_regular
from burnline.spec.secret import LARGEST_BYTES
from burnline.spec.strict import Strict
from burnline.spec.units import Text

_HASH = re.compile(r"\$2[aby]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{53}")
COSTS = range(4, 16)  # each step doubles the time: 16 takes seconds for every look
VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
CIPHERS = {  # Go's names, which the file uses, and OpenSSL's; those of TLS 1.3 cannot be chosen in either
    f"TLS_ECDHE_{key}_WITH_{name}": f"ECDHE-{key}-{openssl}"
    for key in ("ECDSA", "RSA")
    for name, openssl in (
        ("AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
        ("AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
    )
}


def _hash(written: Any) -> str:
    """It is never repeated: whoever wrote a password instead must not find it in a log."""
    found = _HASH.fullmatch(written) if isinstance(written, str) else None
    if not found:
        raise ValueError("is no bcrypt hash; `htpasswd -nB NAME` makes one, which begins with $2y$")
    if int(found["cost"]) not in COSTS:
        raise ValueError(f"has a cost of {found['cost']}; accepted: {COSTS[0]} to {COSTS[-1]}, and 10 is usual")
    return str(written)


Version = Literal["TLS12", "TLS13"]
Cipher = Literal[
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
]


class TlsSpec(Strict):
    """`tls_server_config`; files are looked for beside the file itself."""

    cert_file: Text
    key_file: Text
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = "NoClientCert"
    client_ca_file: Text | None = None
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    cipher_suites: tuple[Cipher, ...] = ()


class WebSpec(Strict):
    """web.config.yml."""

    tls_server_config: TlsSpec | None = None
    basic_auth_users: dict[Annotated[str, Field(min_length=1)], Annotated[str, BeforeValidator(_hash)]] = Field(
        default_factory=dict
    )
    bearer_token_file: Text | None = None


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What the file says, with what it names read in.

    Attributes:
        users: bcrypt hashes by name.
        token: the bearer token; empty where there is none.
        tls: None for plain HTTP.
        files: everything that was read: a change of any means to read again.
    """

    users: Mapping[str, bytes]
    token: str
    tls: ssl.SSLContext | None
    files: tuple[Path, ...]

    @property
    def guarded(self) -> bool:
        """Whether somebody has to say who they are."""
        return bool(self.users or self.token)


def read_web_config(path: Path) -> WebConfig:
    """Read the file and what it names.

    Raises: SpecError naming file, line, field and what would be accepted.
    """
    document = _document(path)
    spec = validate(WebSpec, document)
    folder, files = path.absolute().parent, [path]
    token = ""
    if spec.bearer_token_file is not None:
        files.append(folder / spec.bearer_token_file)
        token = _token(document, files[-1])
    tls = None
    if spec.tls_server_config is not None:
        names = (spec.tls_server_config.cert_file, spec.tls_server_config.key_file)
        files += [folder / name for name in names]
        if spec.tls_server_config.client_ca_file is not None:
            files.append(folder / spec.tls_server_config.client_ca_file)
        tls = _tls(document, spec.tls_server_config, folder)
    users = {name: written.encode() for name, written in spec.basic_auth_users.items()}
    return WebConfig(users, token, tls, tuple(files))


def _document(path: Path) -> Document:
    try:
        if path.is_file() and not path.read_bytes().strip():
            return Document(str(path), {})  # as the toolkit has it: an empty file asks for nothing
    except OSError as error:
        raise SpecError([Problem(str(path), 0, "", f"cannot be read: {error.strerror}")]) from error
    return read_document(path)


def _token(document: Document, file: Path) -> str:
    try:
        token = read_regular(file, LARGEST_BYTES).decode().strip()
    except (OSError, ValueError) as error:
        raise document.error([Flaw(("bearer_token_file",), _unread(file, error))]) from error
    if not token:
        raise document.error([Flaw(("bearer_token_file",), f"{file} is empty")])
    return token


def _tls(document: Document, spec: TlsSpec, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    place: tuple[str, ...] = ("tls_server_config", "cert_file")
    if VERSIONS[spec.min_version] > VERSIONS[spec.max_version]:
        flaw = Flaw((*place[:1], "min_version"), f"is {spec.min_version}, above max_version {spec.max_version}")
        raise document.error([flaw])
    if spec.client_auth_type != "NoClientCert" and spec.client_ca_file is None:
        message = f"{spec.client_auth_type} needs client_ca_file: who signs the clients' certificates"
        raise document.error([Flaw((*place[:1], "client_auth_type"), message)])
    context.minimum_version, context.maximum_version = VERSIONS[spec.min_version], VERSIONS[spec.max_version]
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION
    if spec.cipher_suites:
        context.set_ciphers(":".join(CIPHERS[name] for name in spec.cipher_suites))
    file = folder / spec.cert_file
    try:
        context.load_cert_chain(folder / spec.cert_file, folder / spec.key_file, password=_no_password)
        if spec.client_ca_file is not None:
            place, file = (*place[:1], "client_ca_file"), folder / spec.client_ca_file
            context.load_verify_locations(file)
    except (OSError, ValueError) as error:
        raise document.error([Flaw(place, _unread(file, error))]) from error
    context.verify_mode = CLIENT_AUTH[spec.client_auth_type]
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted; write it without a password, readable for burnline alone")


def _unread(file: Path, error: OSError | ValueError) -> str:
    why = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    return f"{file} cannot be used: {why}"

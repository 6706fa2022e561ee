"""Certificates, made by openssl for one session, and a file that names them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest

from tests.programs import program

PASSWORD = "correct horse"


@dataclass(frozen=True)
class Certificates:
    """Files of an authority, of a server at 127.0.0.1, and of a client."""

    folder: Path

    def __getattr__(self, name: str) -> Path:
        return self.folder / f"{name}.pem"


def sign(folder: Path, name: str, authority: str, subject: str) -> None:
    """Make a key and a certificate, by the authority (or by itself), good for 127.0.0.1."""
    by = ["-CA", f"{authority}.pem", "-CAkey", f"{authority}_key.pem"] if authority != name else []
    alternative = ["-addext", "subjectAltName=IP:127.0.0.1"] if authority != name else []
    argv = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    argv += ["-subj", f"/CN={subject}", "-keyout", f"{name}_key.pem", "-out", f"{name}.pem", *by, *alternative]
    subprocess.run([program("openssl"), *argv], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """`certificates.server`, `.server_key`, `.other` (also of the server), `.client`, `.authority`."""
    folder = tmp_path_factory.mktemp("certificates")
    sign(folder, "authority", "authority", "authority")
    for name in ("server", "other", "client"):
        sign(folder, name, "authority", name)
    return Certificates(folder)


@pytest.fixture(scope="session")
def hashed() -> str:
    """The hash of PASSWORD, of the lowest cost."""
    return bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()

"""Certificates of nobody's, made by openssl for one test."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.programs import program


def certificate(folder: Path, name: str) -> Path:
    """A file with a key and a certificate of 127.0.0.1 that is its own authority."""
    pem = folder / f"{name}.pem"
    argv = [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    argv += ["-keyout", str(pem), "-out", str(pem), "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(argv, check=True, capture_output=True)
    return pem

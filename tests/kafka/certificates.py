"""A throw-away certificate authority with one server and one client certificate, as PEM (needs openssl)."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """`server` and `client` hold key (PKCS#8) and chain in one file, as Kafka and OpenSSL read it."""

    ca: Path
    server: Path
    client: Path


def make_certificates(directory: Path) -> Certificates:
    """In this directory; those that are there stay."""
    directory.mkdir(parents=True, exist_ok=True)
    made = Certificates(ca=directory / "ca.crt", server=directory / "server.pem", client=directory / "client.pem")
    if not made.client.exists():
        usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
        _openssl(
            directory, "req", "-x509", *_new("ca", "/CN=kubelapse-test-ca"), "-days", "30", *usage, "-out", "ca.crt"
        )
        _signed(directory, "server", "/CN=localhost")
        _signed(directory, "client", "/CN=alice")
    return made


def _signed(directory: Path, name: str, subject: str) -> None:
    (directory / "extensions").write_text(
        "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n"
    )
    _openssl(directory, "req", *_new(name, subject), "-out", f"{name}.csr")
    signing = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-extfile", "extensions")
    _openssl(directory, "x509", "-req", "-in", f"{name}.csr", *signing, "-out", f"{name}.crt")
    parts = [(directory / part).read_text() for part in (f"{name}.key", f"{name}.crt", "ca.crt")]
    (directory / f"{name}.pem").write_text("".join(parts))
    (directory / f"{name}.pem").chmod(0o600)


def _new(name: str, subject: str) -> tuple[str, ...]:
    return ("-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", f"{name}.key")


def _openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=directory)

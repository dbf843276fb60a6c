"""Documents inside strings: JSON, YAML and certificates as structure, so that they compare by what they say.

YAML is read as JSON's types only: dates stay texts. Aliases are refused: a few bytes of them stand for gigabytes.
Certificates are told apart by subject, issuer, dates, names and fingerprint; private keys are never read.
"""

import base64
import binascii
import re
from collections.abc import Hashable
from typing import Any, Final

import orjson
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from schema.canonical import Json

LARGEST: Final = 1 << 20
"""Characters of a text that is read as a document."""

LARGEST_YAML: Final = 1 << 17
"""The same for YAML, which reads a hundred times slower."""

_PEM: Final = "-----BEGIN CERTIFICATE-----"
_PEM_64: Final = base64.b64encode(_PEM.encode()[:24]).decode()
_MOST_CERTIFICATES: Final = 500
_KEY_LINE: Final = re.compile(r"^(?:- )?[\w.\"'/-]+:(?: |$)|^- ", re.MULTILINE)


class _NoDocument(Exception):
    """The text is not what it was read as."""


_Base: Final[type[yaml.SafeLoader]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc,valid-type]  # the C loader where there is one
    """YAML as JSON: no dates, text keys, no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: ARG002
        """Keys are texts, each once."""
        found: dict[Hashable, Any] = super().construct_mapping(node, deep=True)
        if len(found) != len(node.value) or not all(isinstance(key, str) for key in found):
            raise _NoDocument
        return found


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(("timestamp", "merge", "value"))]
    for first, resolvers in _Base.yaml_implicit_resolvers.items()
}


def structure(text: str) -> Json:
    """The list or map that the text says as JSON or YAML; None when it is plain text. Several documents: a list."""
    begin = text[:256].lstrip()[:1]
    if len(text) > LARGEST or not begin:
        return None
    if begin in "{[":
        try:
            return _container(orjson.loads(text))
        except orjson.JSONDecodeError:
            pass
    if len(text) > LARGEST_YAML or not _KEY_LINE.search(text):
        return None
    try:
        if "*" in text and any(isinstance(each, yaml.AliasEvent) for each in yaml.parse(text, Loader=_Loader)):
            return None
        documents = [each for each in yaml.load_all(text, Loader=_Loader) if each is not None]  # a safe loader
        found: Json = documents[0] if len(documents) == 1 else documents
        return _container(orjson.loads(orjson.dumps(found)))
    except (yaml.YAMLError, _NoDocument, ValueError, TypeError, RecursionError):
        return None


def _container(value: Json) -> Json:
    return value if isinstance(value, dict | list) else None


def certificates(text: str) -> Json:
    """The certificates of a PEM text, or of base64 of one, as a list; None when it is none, or holds anything else."""
    pem = _pem(text)
    if pem is None:
        return None
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
        return [_certificate(each) for each in found[:_MOST_CERTIFICATES]]
    except ValueError:
        return None


def _pem(text: str) -> str | None:
    if len(text) > LARGEST:
        return None
    if text.startswith(_PEM_64[:32]):
        try:
            text = base64.b64decode("".join(text.split()), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
    return text if _PEM in text and text.count("-----BEGIN ") == text.count(_PEM) else None


def _certificate(each: x509.Certificate) -> Json:
    try:
        names = each.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        listed: list[Json] = [*sorted(str(name.value) for name in names)]
    except (x509.ExtensionNotFound, ValueError):
        listed = []
    return {
        "subject": each.subject.rfc4514_string(),
        "issuer": each.issuer.rfc4514_string(),
        "notBefore": f"{each.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}",
        "notAfter": f"{each.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
        "names": listed,
        "sha256": each.fingerprint(SHA256()).hex(),
    }

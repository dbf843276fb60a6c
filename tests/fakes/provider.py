"""An OpenID provider on a port of loopback: discovery, keys, the code flow with PKCE, refresh. It believes anybody.

What it checks it checks as RFC 6749, RFC 7636 and OpenID Connect Core say: client and secret, the address to return to,
the code's one use, the verifier. `faults` are what a broken or hostile one would do.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

# Claims and documents are JSON of any shape.
Json = Any
Form = Mapping[str, str]


class Provider:
    """What one provider knows. `user`: who signs in next; `lives`: seconds of an ID token."""

    def __init__(self, *, client: str = "kubelapse", secret: str = "s3cret/+=&", port: int = 0) -> None:
        self.client, self.secret = client, secret
        self.user: Json = {"sub": "ann", "groups": ["sre"]}
        self.lives = 300
        self.faults: set[str] = set()
        self.discovery: Json = {}
        self.asked: list[tuple[str, Form]] = []
        self.held = threading.Event()
        self.codes: dict[str, Form] = {}
        self.refreshes: dict[str, Json] = {}
        self.server = _Server(("127.0.0.1", port), _Handler)
        self.server.provider = self
        self.rotate()

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def rotate(self) -> None:
        """Another key; the old one is published no more."""
        self.kid, self.key = secrets.token_hex(4), ec.generate_private_key(ec.SECP256R1())

    def token(self, **claims: Json) -> str:
        """An ID token of the user, with whatever is wrong with it now."""
        now = int(time.time())
        told = {"iss": self.issuer, "aud": self.client, "iat": now, "exp": now + self.lives, **self.user, **claims}
        if "audience" in self.faults:
            told["aud"] = "another"
        if "azp" in self.faults:
            told |= {"aud": [self.client, "another"], "azp": "another"}
        if "expired" in self.faults:
            told |= {"iat": now - 7200, "exp": now - 3600}
        if "nonce" in self.faults:
            told["nonce"] = "of-another-sign-in"
        if "none" in self.faults:
            return jwt.encode(told, "", algorithm="none", headers={"kid": self.kid})
        if "hs256" in self.faults:
            return self._confused(told)
        return jwt.encode(told, self.key, algorithm="ES256", headers={"kid": self.kid})

    def _confused(self, told: Json) -> str:
        """Signed with the public key as if that were a shared secret."""
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        parts = [{"alg": "HS256", "typ": "JWT", "kid": self.kid}, told]
        head = ".".join(_b64(json.dumps(each).encode()) for each in parts)
        return f"{head}.{_b64(hmac.digest(public, head.encode(), 'sha256'))}"

    def answer(self, path: str, form: Form, authorization: str) -> tuple[int, Json]:
        """Status and body; a text is an address to go on to."""
        self.asked.append((path, form))
        if "slow" in self.faults:
            self.held.wait(60)
        if "500" in self.faults and path != "/authorize":
            return 500, {"error": "server_error"}
        routes: dict[str, Callable[[], tuple[int, Json]]] = {
            "/.well-known/openid-configuration": lambda: (200, self._about()),
            "/keys": lambda: (200, {"keys": [self._public(), {"kty": "oct", "kid": "oct", "k": "AAAA"}]}),
            "/authorize": lambda: self._authorize(form),
            "/token": lambda: self._token(form, authorization),
        }
        return routes.get(path, lambda: (404, {}))()

    def _about(self) -> Json:
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        told = {"issuer": self.issuer, **{name: f"{self.issuer}/{path}" for name, path in ends.items()}}
        return {**told, "scopes_supported": ["openid", "email", "groups", "strange"], **self.discovery}

    def _public(self) -> Json:
        public = jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {**public, "kid": self.kid, "use": "sig", "alg": "ES256"}

    def _authorize(self, form: Form) -> tuple[int, Json]:
        assert form["client_id"] == self.client
        assert form["response_type"] == "code"
        assert form["code_challenge_method"] == "S256"
        if "denied" in self.faults:
            return 303, f"{form['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': form['state']})}"
        code = secrets.token_urlsafe(16)
        self.codes[code] = form
        back = {"code": code, "state": form["state"], "iss": "https://evil" if "iss" in self.faults else self.issuer}
        return 303, f"{form['redirect_uri']}?{urlencode(back)}"

    def _token(self, form: Form, authorization: str) -> tuple[int, Json]:
        if not self._is_client(form, authorization):
            return 401, {"error": "invalid_client"}
        if form["grant_type"] == "refresh_token":
            user = self.refreshes.pop(form["refresh_token"], None)
            return (400, {"error": "invalid_grant"}) if user is None else (200, self._granted(user))
        begun = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if begun is None or begun["code_challenge"] != _b64(digest) or begun["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant", "error_description": "not this code"}
        return 200, self._granted(self.user, nonce=begun["nonce"])

    def _granted(self, user: Json, **more: str) -> Json:
        refresh = secrets.token_urlsafe(16)
        self.refreshes[refresh] = user
        return {
            "access_token": "for-nobody", "token_type": "Bearer", "id_token": self.token(**more),
            "refresh_token": refresh,
        }  # fmt: skip

    def _is_client(self, form: Form, authorization: str) -> bool:
        given = (form.get("client_id", ""), form.get("client_secret", ""))
        if authorization.startswith("Basic "):
            name, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
            given = (unquote_plus(name), unquote_plus(secret))
        return given == (self.client, self.secret)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    provider: Provider


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        self._answer(split.path, dict(parse_qsl(split.query)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer(self.path, dict(parse_qsl(body)))

    def _answer(self, path: str, form: Form) -> None:
        status, body = self.server.provider.answer(path, form, self.headers.get("Authorization", ""))
        data = b"" if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        if isinstance(body, str):
            self.send_header("Location", body)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        with suppress(ConnectionError):  # who asked did not wait
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


@contextmanager
def provided(**more: Any) -> Iterator[Provider]:
    """A provider that answers while this holds."""
    provider = Provider(**more)
    thread = threading.Thread(target=provider.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        provider.held.set()
        provider.server.shutdown()
        provider.server.server_close()
        thread.join()


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

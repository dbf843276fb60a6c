"""A Kubernetes API client for tests that shares no line with the product: urllib3 and JSON, blocking."""

import base64
import json
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import urllib3
import yaml

# What the API server says is JSON of any shape; these helpers only carry it.
Json = Any
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


class Refused(Exception):
    """The API server answered with an error status."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status}: {body[:300]!r}")
        self.status = status


class RawApi:
    """One user's connection, made from a kubeconfig with a token."""

    def __init__(self, kubeconfig: Path, *, connections: int = 16) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        with tempfile.NamedTemporaryFile("wb", suffix=".crt") as ca:
            ca.write(base64.b64decode(cluster["certificate-authority-data"]))
            ca.flush()
            context = ssl.create_default_context(cafile=ca.name)
        self.server: str = cluster["server"]
        self._headers = {"Authorization": f"Bearer {user['token']}"}
        self._pool = urllib3.PoolManager(maxsize=connections, ssl_context=context, retries=False)

    def call(
        self, method: str, path: str, body: Json = None, *, content: str = "application/json", manager: str = ""
    ) -> Json:
        """One request; the parsed answer, or Refused."""
        if manager:
            path += (
                ("&" if "?" in path else "?") + f"fieldManager={manager}" + ("&force=true" if content == APPLY else "")
            )
        headers = {**self._headers, "Content-Type": content}
        data = None if body is None else json.dumps(body).encode()
        answer = self._pool.request(method, self.server + path, body=data, headers=headers, timeout=30)
        if answer.status >= 300:
            raise Refused(answer.status, answer.data)
        return json.loads(answer.data)

    def get(self, path: str) -> Json:
        """GET."""
        return self.call("GET", path)

    def create(self, path: str, body: Json, manager: str = "writer") -> Json:
        """POST to a collection."""
        return self.call("POST", path, body, manager=manager)

    def patch(self, path: str, body: Json, manager: str = "writer") -> Json:
        """JSON merge patch."""
        return self.call("PATCH", path, body, content=MERGE, manager=manager)

    def apply(self, path: str, body: Json, manager: str) -> Json:
        """Server-side apply, forced."""
        return self.call("PATCH", path, body, content=APPLY, manager=manager)

    def delete(self, path: str) -> Json:
        """DELETE."""
        return self.call("DELETE", path)

    def lines(self, path: str, *, read_timeout: float) -> Iterator[bytes]:
        """Complete lines of a watch until it ends."""
        answer = self._pool.request(
            "GET",
            self.server + path,
            headers={**self._headers, "Accept-Encoding": "identity"},
            preload_content=False,
            timeout=urllib3.Timeout(connect=10, read=read_timeout),
        )
        if answer.status >= 300:
            raise Refused(answer.status, answer.read())
        tail = b""
        try:
            while chunk := answer.read1(1 << 20):
                *whole, tail = (tail + chunk).split(b"\n")
                yield from whole
        finally:
            answer.close()

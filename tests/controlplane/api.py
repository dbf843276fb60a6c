"""A small synchronous client of a Kubernetes API server, to write with and to look behind the recorder's back.

It shares no code with the collector on purpose: what it reads may judge what the collector recorded.
"""

import json
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import urllib3

# Objects as the server sends them: only the test that asked knows their shape.
Json = dict[str, Any]

MERGE: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
APPLY: Final = "application/apply-patch+yaml"  # JSON is YAML


class Refused(Exception):
    """The server answered with an error status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Api:
    """One user of one API server; may be used from several threads at once.

    `manager` is the default field manager of its writes ("" = what the server derives from the user agent).
    """

    def __init__(self, url: str, token: str, ca: str, *, manager: str = "", connections: int = 16) -> None:
        """`ca` is the PEM text of the server's certificate authority."""
        self.url, self.token, self.manager, self._ca = url, token, manager, ca
        context = ssl.create_default_context(cadata=ca)
        self._pool = urllib3.PoolManager(maxsize=connections, ssl_context=context, retries=False)

    def user(self, token: str, *, manager: str = "") -> "Api":
        """The same server, seen by another user."""
        return Api(self.url, token, self._ca, manager=manager)

    def get(self, path: str, **query: str) -> Json:
        """One object, or a list."""
        return self.request("GET", path, query=query)

    def post(self, path: str, body: Json, *, manager: str = "") -> Json:
        """Create."""
        return self.request("POST", path, body, query=self._managed(manager))

    def put(self, path: str, body: Json, *, manager: str = "") -> Json:
        """Replace."""
        return self.request("PUT", path, body, query=self._managed(manager))

    def patch(self, path: str, body: Json | list[Json], content_type: str = MERGE, *, manager: str = "") -> Json:
        """Change, by default with a merge patch."""
        return self.request("PATCH", path, body, content_type=content_type, query=self._managed(manager))

    def apply(self, path: str, body: Json, *, manager: str, force: bool = False) -> Json:
        """Server-side apply."""
        query = {"fieldManager": manager, "force": str(force).lower()}
        return self.request("PATCH", path, body, content_type=APPLY, query=query)

    def delete(self, path: str, body: Json | None = None, **query: str) -> Json:
        """Delete; `body` is DeleteOptions."""
        return self.request("DELETE", path, body, query=query)

    def items(self, path: str, **query: str) -> list[Json]:
        """All items of a list."""
        items: list[Json] = self.get(path, **query)["items"]
        return items

    def watch(self, path: str, *, timeout: float | None = None, **query: str) -> Iterator[Json]:
        """Events of a watch as served, until the server or the caller ends it; `timeout`: seconds of silence."""
        with self._send("GET", path, query={**query, "watch": "1"}, timeout=timeout) as answer:
            rest = b""
            for chunk in answer.stream(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines)

    def request(
        self,
        method: str,
        path: str,
        body: Json | list[Json] | None = None,
        *,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Json:
        """One exchange; raises Refused for an error status, and urllib3's errors when there is no server."""
        with self._send(method, path, body, content_type=content_type, query=query, timeout=30) as answer:
            parsed: Json = json.loads(answer.data)
            return parsed

    def _managed(self, manager: str) -> dict[str, str]:
        name = manager or self.manager
        return {"fieldManager": name} if name else {}

    def _send(
        self,
        method: str,
        path: str,
        body: Json | list[Json] | None = None,
        *,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
        timeout: float | None,
    ) -> urllib3.BaseHTTPResponse:
        answer = self._pool.request(
            method,
            f"{self.url}{path}" + (f"?{urlencode(query)}" if query else ""),
            body=None if body is None else json.dumps(body),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": content_type},
            timeout=timeout,
            preload_content=False,
        )
        if answer.status >= 400:
            with answer:
                raise Refused(answer.status, answer.data.decode(errors="replace")[:500])
        return answer

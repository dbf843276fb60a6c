"""ClickHouse's HTTP interface over chDB, for tests where no ClickHouse server can be had: python face.py DIR

The engine is the real one, the protocol is as much of ClickHouse's HTTP interface as clickhouse-connect uses: queries
and inserts, server-side parameters, settings, errors with their codes. So the HTTP adapter is tested for real, and
several processes share one store. What it lacks: users, roles, sessions, replication, streaming, compression.
A stand-in for tests, never a way to run.

It listens on a free port of the loopback interface and prints the port on its first line.
"""

import asyncio
import re
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import chdb
from aiohttp import web

# Parameters of the HTTP interface itself; every other one is a setting of the query.
TRANSPORT = frozenset(
    {
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "compress",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "password",
        "query",
        "query_id",
        "role",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "user",
        "wait_end_of_query",
    }
)

_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_INSERT_WITH_DATA = re.compile(rb"\s*INSERT\b.*\bFORMAT\s+\w+\s*$", re.IGNORECASE)
_CODE = re.compile(r"Code: (\d+)")
_UNKNOWN_EXCEPTION = "1002"


class Face:
    """Answers requests, each on a handle of its own, as settings stay on a handle."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._keep = chdb.connect(path)  # the engine lives as long as one handle does
        self._pool = ThreadPoolExecutor(8)

    async def answer(self, request: web.Request) -> web.Response:
        options, body = dict(request.query), b""
        if request.content_type == "multipart/form-data":  # how clickhouse-connect sends what is too long for a URL
            options |= {name: str(value) for name, value in (await request.post()).items()}
        else:
            body = await request.read()
        loop = asyncio.get_running_loop()
        try:
            out = await loop.run_in_executor(self._pool, self._run, body, options)
        except Exception as error:
            # The engine's own text, as the server would send it.
            code = _CODE.search(str(error))
            headers = {"X-ClickHouse-Exception-Code": code[1] if code else _UNKNOWN_EXCEPTION}
            return web.Response(status=500, text=str(error), headers=headers)
        return web.Response(body=out, headers={"X-ClickHouse-Summary": "{}", "X-ClickHouse-Timezone": "UTC"})

    def _run(self, body: bytes, options: Mapping[str, str]) -> bytes:
        query, data = _statement(body, options)
        bare, kind = _without_format(query, options.get("default_format", "TabSeparated"))
        handle = chdb.connect(self._path)
        try:
            _prepare(handle, options)
            if data:
                _insert(handle, bare, kind, data)
                return b""
            given = {name.removeprefix("param_"): v for name, v in options.items() if name.startswith("param_")}
            return bytes(handle.query(bare, kind, params=given or None).bytes())
        finally:
            handle.close()


def _statement(body: bytes, options: Mapping[str, str]) -> tuple[str, bytes]:
    """The statement and its data: an INSERT without `query` brings its data behind the first line of the body."""
    if "query" in options:
        return options["query"], body
    head, _, rest = body.partition(b"\n")
    return (head.decode(), rest) if _INSERT_WITH_DATA.match(head) else (body.decode(), b"")


def _without_format(query: str, default: str) -> tuple[str, str]:
    name = _FORMAT.search(query)
    return (query[: name.start()], name[1]) if name else (query, default)


def _insert(handle: chdb.state.sqlitelike.Connection, statement: str, kind: str, data: bytes) -> None:
    """Through a file: what fails at the end of the engine's own streaming insert is not raised."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        handle.query(f"{statement} FROM INFILE '{file.name}' FORMAT {kind}")


def _prepare(handle: chdb.state.sqlitelike.Connection, options: Mapping[str, str]) -> None:
    if database := options.get("database"):
        handle.query(f"USE `{database}`")
    for name, value in options.items():
        if name not in TRANSPORT and not name.startswith("param_"):
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            handle.query(f"SET {name} = '{escaped}'")


async def serve(path: str) -> None:
    """Until the process is ended."""
    face = Face(path)
    app = web.Application(client_max_size=1 << 30)
    app.router.add_get("/ping", _pong)
    app.router.add_route("*", "/", face.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


async def _pong(_: web.Request) -> web.Response:
    return web.Response(text="Ok.\n")


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))

"""An HTTP server in a thread that keeps whatever is posted to it: for webhooks and OpenTelemetry."""

import gzip
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


@dataclass(slots=True)
class Receiving:
    """`bodies` by path, unpacked; whatever is posted to /refused is refused. Use as a context."""

    bodies: dict[str, list[bytes]] = field(default_factory=dict)
    _server: ThreadingHTTPServer = field(init=False)

    def __enter__(self) -> "Receiving":
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            """One request."""

            def do_POST(self) -> None:
                """Keep it."""
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                bodies.setdefault(self.path, []).append(str(self.headers).encode() + body)
                self.send_response(400 if self.path == "/refused" else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Its base."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def everything(self) -> bytes:
        """All that came."""
        return b"".join(body for found in self.bodies.values() for body in found)

"""Between the server and the answers: tells ingest that somebody asks, and lets the first one wait for what was read.

While nobody asks changes are stored in fewer, larger flushes. The first question after a while waits until everything
that was read before it is stored, at most `PATIENCE`; so it sees more than one that comes later, not less. Probes,
metrics and pages ask nothing about the history.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from ingest.demand import Demand

PATIENCE: Final = 1.0
"""Seconds; a store that is slower or away is answered from as it is."""
_QUESTIONS: Final = ("/api/", "/kube/")


class Asked:
    """ASGI middleware. `stored` returns once everything that was read is stored; `patience`: seconds for that."""

    def __init__(
        self, app: ASGIApp, *, demand: Demand, stored: Callable[[], Awaitable[None]], patience: float = PATIENCE
    ) -> None:
        self._app, self._demand, self._stored, self._patience = app, demand, stored, patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or stream."""
        if scope["type"] != "http" or not scope["path"].startswith(_QUESTIONS):
            await self._app(scope, receive, send)
            return
        with self._demand.asking() as first:
            if first:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._patience):
                        await self._stored()
            await self._app(scope, receive, send)

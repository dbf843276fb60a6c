"""Answers that go on for long: a client that takes nothing for a while is cut off, and what it held is free again.

Without that a few clients that stop reading would keep every reader of a store, or every statement that may run at
once, for as long as they like. An answer that is cut off never ends as if it were whole: its connection is closed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from starlette.responses import StreamingResponse
from starlette.types import Message, Send

log = logging.getLogger(__name__)


class Pieces(Protocol):
    """An asynchronous iterator that lets go of what it holds when it is closed."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Itself."""
        ...

    async def __anext__(self) -> bytes:
        """The next piece."""
        ...

    async def aclose(self) -> None:
        """Nobody takes more."""
        ...


class PatientResponse(StreamingResponse):
    """Gives a client up when it has taken nothing for `patience` seconds."""

    def __init__(
        self, pieces: Pieces, *, media_type: str, patience: float, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(pieces, media_type=media_type, headers=headers)
        self._pieces = pieces
        self._patience = patience

    async def stream_response(self, send: Send) -> None:
        """As the base class, each send bounded; what the answer holds is let go at once, however it ends."""

        async def bounded(message: Message) -> None:
            async with asyncio.timeout(self._patience):
                await send(message)

        try:
            await super().stream_response(bounded)
        except TimeoutError:
            log.info("a client took nothing of its answer for %.0f s and was cut off", self._patience)
        finally:
            await self._pieces.aclose()

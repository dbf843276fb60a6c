"""A receiver behind HTTP: CloudEvents, signed as Standard Webhooks has it (standard-webhooks/spec, "Signature scheme").

The body is signed with the id and the time of the try; during a change of secrets there is one signature for each.
Secrets are in no message.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from query.cloudevents import BATCHED, STRUCTURED, event
from query.courier import Parcel
from query.posting import Poster

_PREFIX: Final = "whsec_"


def read_secret(text: str) -> bytes:
    """`whsec_` and 24 to 64 bytes as base64. Raises ValueError."""
    if not text.startswith(_PREFIX):
        raise ValueError(f"expected a secret that begins with {_PREFIX}")
    try:
        found = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"expected base64 behind {_PREFIX}") from None
    if not 24 <= len(found) <= 64:
        raise ValueError("expected a secret of 24 to 64 bytes")
    return found


def signatures(secrets: Sequence[bytes], identity: str, moment: int, body: bytes) -> str:
    """One for each secret, the newest first."""
    signed = f"{identity}.{moment}.".encode() + body
    found = (base64.b64encode(hmac.digest(secret, signed, "sha256")).decode() for secret in secrets)
    return " ".join(f"v1,{each}" for each in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Who it is and what they ask for. `authorization`: the header's value, "" = none."""

    name: str
    secrets: Sequence[bytes]
    authorization: str = ""
    batched: bool = False


class Webhook:
    """`query.courier.Receiver` over HTTP."""

    kind = "webhook"

    def __init__(self, endpoint: Endpoint, poster: Poster) -> None:
        self.name = endpoint.name
        self.address = poster.address
        self._endpoint = endpoint
        self._poster = poster

    async def take(self, parcel: Parcel) -> None:
        """POST it. Raises NotTaken, Gone."""
        events = [found for position, item in parcel if (found := event(position, item)) is not None]
        if not events:
            return
        body = msgspec.json.encode(events if self._endpoint.batched else events[0])
        identity, moment = _identity([each.id for each in events]), int(self._poster.clock().timestamp())
        headers = {
            "content-type": BATCHED if self._endpoint.batched else STRUCTURED,
            "webhook-id": identity,
            "webhook-timestamp": str(moment),
            "webhook-signature": signatures(self._endpoint.secrets, identity, moment, body),
        }
        if self._endpoint.authorization:
            headers["authorization"] = self._endpoint.authorization
        await self._poster.post(body, headers)

    async def close(self) -> None:
        """Let go of connections."""
        await self._poster.close()


def _identity(ids: Sequence[str]) -> str:
    """The same for the same events, whenever they are sent; without the full stop that the scheme sets apart with."""
    return f"msg_{hashlib.blake2b(chr(10).join(ids).encode(), digest_size=16).hexdigest()}"

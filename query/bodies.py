"""What a request carries: JSON, of bounded size, read before anything is done with it."""

import ipaddress
from collections.abc import Mapping

import orjson
from fastapi import Request

from query.access import SCOPE_KEY
from query.problems import Refused, problem
from schema.canonical import Json

LARGEST = 64 << 20
"""Bytes of manifests; 20,000 of them fit."""

SMALL = 1 << 20


async def json_body(request: Request, *, most: int = SMALL) -> Mapping[str, Json]:
    """The JSON object of a request, {} when it has none. Raises Refused: 415, 413, 400."""
    data = await raw(request, most=most)
    if not data:
        return {}
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Refused(
            problem(
                415, "not-json", "Not JSON", "The request is not JSON.", hint="Send Content-Type: application/json."
            )
        )
    try:
        body: Json = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _bad(f"The request is not JSON: {str(error)[:200]}.") from None
    if not isinstance(body, dict):
        raise _bad("The request is no JSON object.")
    return body


async def raw(request: Request, *, most: int) -> bytes:
    """The bytes of a request, of whatever type. Raises Refused: 413."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > most:
            raise Refused(
                problem(413, "too-large", "Too large", f"The request is larger than {most} bytes.", hint="Send less.")
            )
    return bytes(data)


def only_from_here(request: Request) -> None:
    """Writing is for whoever is on this machine, as long as nobody signs in. Raises Refused.

    Of those who sign in the store refuses whoever may not (`query.access.LimitedStore`).
    """
    if SCOPE_KEY in request.scope:
        return
    host = request.client.host if request.client else ""
    try:
        near = ipaddress.ip_address(host).is_loopback
    except ValueError:
        near = False
    if not near:
        raise Refused(
            problem(
                403,
                "not-from-here",
                "Not from here",
                "Pins, notes, baselines, saved searches and audit events are taken from the server's own machine only.",
                hint="Run the command there, or through a tunnel that ends there.",
            )
        )


def text(body: Mapping[str, Json], name: str) -> str:
    """A text of the body, "" when it has none. Raises Refused."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise _bad(f"{name!r} is no text.")
    return value or ""


def documents(body: Mapping[str, Json], name: str) -> list[Json] | None:
    """A list of the body, None when it has none; one object stands for a list of one. Raises Refused."""
    value = body.get(name)
    if isinstance(value, dict):
        return [value]
    if value is not None and not isinstance(value, list):
        raise _bad(f"{name!r} is no list of objects.")
    return value


def _bad(detail: str) -> Refused:
    return Refused(problem(400, "bad-request", "Bad request", detail, hint="See /openapi.json."))

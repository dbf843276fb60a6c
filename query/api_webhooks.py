"""Routes about who changes are sent to: how it goes, what was given up, and sending again.

Receivers come from the settings alone. They are seen and replayed by whoever sees everything.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from query import bodies, deliveries, feeds_read, times
from query.courier import Courier, Replay
from query.deliveries import UnknownReceiver
from query.errors import BadCursor, BadReference
from query.feeds_read import moment_of, write_token
from query.web import Context, Here, answer, only_who_sees_everything, write
from schema.canonical import Json

router = APIRouter(tags=["feed"], dependencies=[Depends(only_who_sees_everything)])


class ReceiverState(msgspec.Struct, kw_only=True):
    """How it goes with one. `state`: sending, waiting (for another try), gone (it said 410: replay to begin again),
    standby (another replica sends).

    `token`: of the feed, everything up to it was taken or put aside; `recorded`: when that was stored.
    """

    name: str
    kind: str
    address: str
    state: Literal["sending", "waiting", "gone", "standby"]
    trouble: str
    token: str
    recorded: datetime
    dead_letters: int


class Receivers(msgspec.Struct, kw_only=True):
    """Answer of `/webhooks`."""

    items: list[ReceiverState]


class DeadLetter(msgspec.Struct, kw_only=True):
    """What a receiver would not take. `id`: of the event (ask `/events/{id}`) or the gap."""

    id: str
    type: Literal["change", "gap"]
    token: str
    reason: str
    tries: int
    at: datetime


class DeadLetters(msgspec.Struct, kw_only=True):
    """Answer of `/webhooks/{name}/dead-letters`."""

    items: list[DeadLetter]


@router.get("/webhooks")
async def listed(here: Here, request: Request) -> Response:
    """Who changes are sent to from this process, and how it goes."""
    return await answer(here, lambda: Receivers(items=[_state(here, each) for each in _couriers(request)]))


@router.get("/webhooks/{name}/dead-letters")
async def letters(here: Here, request: Request, name: str) -> Response:
    """What was given up, in log order."""
    courier = _courier(request, name)
    return await answer(here, lambda: DeadLetters(items=_letters(here, courier)))


@router.post("/webhooks/{name}/replay", dependencies=[Depends(bodies.only_from_here)])
async def replay(here: Here, request: Request, name: str) -> Response:
    """Send again: `{"from": "2h"}` what happened since (or behind a token of the feed), or `{"dead_letters": true}`."""
    courier, body = _courier(request, name), await bodies.json_body(request)
    courier.replay(await here.readers.run(lambda: _wish(here, body)))
    return write(await here.readers.run(lambda: _state(here, courier)))


def _couriers(request: Request) -> list[Courier]:
    found: list[Courier] = request.app.state.couriers
    return found


def _courier(request: Request, name: str) -> Courier:
    for each in _couriers(request):
        if each.route.receiver.name == name:
            return each
    raise UnknownReceiver(f"Nothing is sent to {name[:100]!r} from here.", "GET /api/v1/webhooks lists the receivers.")


def _state(here: Context, courier: Courier) -> ReceiverState:
    receiver, position = courier.route.receiver, courier.place.position
    if courier.state == "standby" and (kept := deliveries.place(here.store, receiver.name)) is not None:
        position = kept.position
    return ReceiverState(
        name=receiver.name,
        kind=receiver.kind,
        address=receiver.address,
        state=courier.state,
        trouble=courier.trouble,
        token=write_token(position),
        recorded=moment_of(position),
        dead_letters=deliveries.count_letters(here.store, receiver.name),
    )


def _letters(here: Context, courier: Courier) -> list[DeadLetter]:
    return [
        DeadLetter(
            id=each.id,
            type=each.type,
            token=write_token(each.position),
            reason=each.reason,
            tries=each.tries,
            at=each.at,
        )
        for each in deliveries.letters(here.store, courier.route.receiver.name)
    ]


def _wish(here: Context, body: Mapping[str, Json]) -> Replay:
    start, dead = bodies.text(body, "from"), body.get("dead_letters", False)
    if not isinstance(dead, bool) or bool(start) == dead or body.keys() - {"from", "dead_letters"}:
        raise BadReference("It is not said what to send again.", 'Send {"from": "2h"} or {"dead_letters": true}.')
    if dead:
        return Replay(None)
    try:
        return Replay(feeds_read.read_token(start))
    except BadCursor:
        moment = times.instant(start, now=here.clock(), tz=times.zone("UTC"))
        return Replay(feeds_read.position_before(here.store, moment))

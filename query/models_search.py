"""The shapes of answers about values across objects and time. Names are public, times UTC."""

from datetime import datetime
from typing import Literal

import msgspec

from query.models import Coverage, Hidden

Basis = Literal["change", "creation", "first-sight", "gap"]


class Run(msgspec.Struct, kw_only=True):
    """One value at one path, from one change to the change that ended it (`to` null: it stands).

    `basis` as in blame: with first-sight and gap it has been so since `from` or earlier (`at_or_before`). `by`: the
    manager that wrote it; `gone_by`: who ended it, null where nobody is known. `deleted`: the object itself ended.
    """

    path: str
    value: object
    from_: datetime = msgspec.field(name="from")
    ts_error: float
    at_or_before: bool
    basis: Basis
    by: str | None
    confidence: str
    event: str
    to: datetime | None
    gone_by: str | None
    gone_event: str | None
    deleted: bool


class Match(msgspec.Struct, kw_only=True):
    """One life of an object and the runs of values that match, oldest first. `more`: it has more than are shown."""

    cluster: str
    namespace: str
    resource: str
    group: str
    kind: str
    name: str
    uid: str
    runs: list[Run]
    more: bool


class Period(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """Somewhere among the shown objects it stood without a break; `to` null: it still does. `objects`: lives."""

    from_: datetime
    at_or_before: bool
    to: datetime | None
    objects: int


class Found(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """Answer of `/search`: lives with the newest match first; `next` continues. `periods`: all shown runs together."""

    items: list[Match]
    periods: list[Period]
    next: str | None
    hidden: Hidden
    from_: datetime | None
    to: datetime
    coverage: Coverage


class FieldHistory(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """Answer of `…/fields`: the values of one path over every life of a name, oldest first."""

    path: str
    lives: list[Match]
    hidden: Hidden
    from_: datetime | None
    to: datetime
    coverage: Coverage


class Touched(msgspec.Struct, kw_only=True):
    """The newest change of one living object at or below the asked path.

    `basis`: change; creation and first-sight where nothing has changed there since. `paths`: those it changed there.
    """

    cluster: str
    namespace: str
    resource: str
    group: str
    kind: str
    name: str
    uid: str
    basis: Basis
    by: str | None
    confidence: str
    when: datetime
    ts_error: float
    paths: list[str]
    event: str


class Touches(msgspec.Struct, kw_only=True):
    """Answer of `/blame`: who last touched a path, per object of a scope, newest first. `more`: not all are shown."""

    path: str
    items: list[Touched]
    more: bool
    hidden: Hidden
    at: datetime
    coverage: Coverage

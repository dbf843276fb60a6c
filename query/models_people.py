"""The shapes of "who": what sort of writer, how sure that is, what an audit log adds, and who it may have been."""

from datetime import datetime
from typing import Literal

import msgspec

Sort = Literal["human", "gitops", "controller", "unknown"]
Join = Literal["resource-version", "base-version", "uid"]


class Candidate(msgspec.Struct, kw_only=True, frozen=True):
    """A manager that owned the removed field, or parts of the deleted object, before: it may have done it, or not.

    `wrote`: when it last wrote there, as far as that is recorded.
    """

    manager: str
    sort: Sort
    wrote: datetime | None


class Audited(msgspec.Struct, kw_only=True, frozen=True):
    """The request behind a change, from the API server's audit log; `join` tells by what it was recognized.

    `impersonator`: who signed in, where the request was made as `user`. `confidence`: high where nothing else is
    possible; medium where several requests fit, or the log names only the version that an update was based on.
    """

    user: str
    groups: list[str]
    impersonator: str
    source_ips: list[str]
    user_agent: str
    verb: str
    at: datetime
    audit_id: str
    join: Join
    confidence: Literal["high", "medium"]


class Who(msgspec.Struct, kw_only=True, frozen=True):
    """Who made a change. `sort` with `confidence`: from the manager's name, or from the user that the audit log names.

    `candidates`: only where nobody is known.
    """

    sort: Sort
    confidence: Literal["high", "medium", "low", "none"]
    audit: Audited | None = None
    candidates: list[Candidate] = []


class AuditTaken(msgspec.Struct, kw_only=True):
    """Answer of `POST /audit-log`: `kept` are those that name what a recorded change can be recognized by."""

    received: int
    kept: int
    unreadable: int


class WhoAmI(msgspec.Struct, kw_only=True, frozen=True):
    """Whom this server takes the asker for, and how to sign in.

    `login`: whether callers sign in here at all; without, whoever reaches the server sees everything, and has no name.
    `user`: "" for somebody who has shown nothing that counts. `session`: whether a browser's session told, which
    `POST /auth/logout` ends. `everything`: no right is missing. `provider`: the host of the provider of identities that
    `GET /auth/login` leads to, "" when there is none and a token must be shown. `namespaces`: those of which something
    may be seen, null where there is something in all of them; at most 1,000.
    """

    login: bool
    user: str
    session: bool
    everything: bool
    provider: str
    namespaces: list[str] | None

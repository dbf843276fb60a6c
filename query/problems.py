"""Errors as RFC 9457 problems: what is wrong in one sentence, what to do next in another, and the right status.

400 malformed time, selector, cursor or name; 404 not there, with `state` telling which kind of "not there"; 410 before
the retention horizon; 422 understood and impossible; 429 too many feeds; 503 the store is away or every reader is taken
(with Retry-After); 500 damaged history, named as such.
"""

from datetime import datetime

from query.deliveries import UnknownReceiver
from query.errors import (
    BadCursor,
    BadReference,
    BadRevision,
    BadSelector,
    BadStatement,
    BadTime,
    BadWindow,
    DamagedHistory,
    NotAllowed,
    QueryError,
    StatementEnded,
    TooBusy,
    TooManyFollowers,
    TooManyObjects,
    UnknownKind,
)
from query.models import Problem
from query.refs import ObjectRef
from query.timeline import BeforeHorizon, Deleted, Found, NeverSeen, NotRecorded, NotYet, Outcome
from query.times import rfc3339
from query.userdata import TooMuchToKeep, UnknownName
from schema.store import QueryFailed, StoreError, StoreUnavailable


class Refused(Exception):
    """A question whose answer is a problem; raised in routes, written by the application."""

    def __init__(self, found: Problem) -> None:
        """`found` is sent as it is."""
        super().__init__(found.detail)
        self.problem = found


MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = "2"

# The most telling class first: an UnknownKind is a BadReference too.
_STATUS: tuple[tuple[type[QueryError], int, str, str], ...] = (
    (BadTime, 400, "bad-time", "Not a time"),
    (BadSelector, 400, "bad-selector", "Not a label selector"),
    (UnknownKind, 404, "unknown-kind", "Unknown type"),
    (BadReference, 400, "bad-reference", "Names nothing"),
    (BadCursor, 400, "bad-cursor", "Not a cursor"),
    (BadWindow, 422, "bad-window", "Not a window"),
    (StatementEnded, 422, "too-much", "Too much"),
    (BadStatement, 400, "bad-statement", "Not a statement for here"),
    (UnknownName, 404, "unknown-name", "Unknown name"),
    (UnknownReceiver, 404, "unknown-name", "Unknown name"),
    (TooMuchToKeep, 413, "too-large", "Too large"),
    (TooManyObjects, 422, "too-much", "Too much"),
    (BadRevision, 404, "unknown-revision", "Unknown resourceVersion"),
    (DamagedHistory, 500, "damaged-history", "Damaged history"),
    (NotAllowed, 403, "not-allowed", "Not allowed"),
    (TooManyFollowers, 429, "too-many-followers", "Too many followers"),
    (TooBusy, 503, "busy", "Busy"),
)

# ClickHouse: timeout, memory limit, too many rows or bytes to read.
_TOO_MUCH = frozenset({158, 159, 160, 241, 307, 396})


def of_query_error(error: QueryError) -> Problem:
    """What the asker did, or what is damaged."""
    for kind, status, name, title in _STATUS:
        if isinstance(error, kind):
            state = name if status == 404 else ""
            found = problem(status, name, title, str(error), hint=error.hint, state=state)
            if isinstance(error, BadStatement):
                found.line, found.column = error.line, error.column
            return found
    return problem(400, "bad-request", "Bad request", str(error), hint=error.hint)


def of_store_error(error: StoreError) -> Problem:
    """The store's own sentence, save for statements, which say nothing to an asker."""
    if isinstance(error, QueryFailed) and error.code in _TOO_MUCH:
        return problem(
            422,
            "too-much",
            "Too much",
            "The answer would take more time or memory than one question may.",
            hint="Ask for a shorter time, fewer kinds or one namespace.",
        )
    if isinstance(error, QueryFailed):
        return problem(
            500,
            "query-failed",
            "The store failed",
            f"The store could not answer (code {error.code}).",
            hint="The server's log has the details.",
        )
    name = "store-unavailable" if isinstance(error, StoreUnavailable) else "store"
    return problem(503, name, "The store is not available", str(error), hint="See /readyz?verbose.")


def of_outcome(outcome: Outcome, ref: ObjectRef, uid: str = "") -> Problem:
    """Why there is no object to show: five different reasons. `uid`: only this life was asked for."""
    match outcome:
        case Deleted(deleted_at=when, at=at):
            return problem(
                404,
                "deleted",
                "Deleted",
                f"{ref} was deleted at {rfc3339(when)} and is not there at {rfc3339(at)}.",
                hint="Ask for a moment before the deletion; its history ends with its last content.",
                state="deleted",
                deleted_at=when,
            )
        case NotYet(created_at=when, at=at):
            return problem(
                404,
                "not-created",
                "Not created yet",
                f"{ref} was created at {rfc3339(when)}, after {rfc3339(at)}.",
                hint=f"Ask for {rfc3339(when)} or later.",
                state="not-created",
                created_at=when,
            )
        case NotRecorded(watched_since=None):
            return problem(
                404,
                "not-recorded",
                "Not recorded",
                f"{ref.kind_id} has not been watched in {ref.cluster}.",
                hint="GET /api/v1/coverage and /kinds tell what is recorded, and why something is not.",
                state="not-recorded",
            )
        case NotRecorded(watched_since=since, at=at):
            known = rfc3339(since) if since else ""
            return problem(
                404,
                "not-recorded",
                "Not recorded",
                f"Nobody watched {ref} at {rfc3339(at)}; recorded since {known}.",
                hint=f"Ask for {known} or later.",
                state="not-recorded",
                watched_since=since,
            )
        case BeforeHorizon(horizon=horizon):
            return problem(
                410,
                "before-horizon",
                "No longer kept",
                f"History before {rfc3339(horizon)} is no longer kept.",
                hint=f"Ask for {rfc3339(horizon)} or later: nothing before it is kept.",
                state="before-horizon",
                horizon=horizon,
            )
        case NeverSeen() | Found():
            return problem(
                404,
                "never-seen",
                "Never seen",
                f"{ref} was never seen in {ref.cluster}{f' with uid {uid[:100]}' if uid else ''}.",
                hint="GET /api/v1/objects?deleted=true lists what was; check namespace, type and spelling.",
                state="never-seen",
            )


def problem(
    status: int,
    name: str,
    title: str,
    detail: str,
    *,
    hint: str = "",
    state: str = "",
    deleted_at: datetime | None = None,
    created_at: datetime | None = None,
    watched_since: datetime | None = None,
    horizon: datetime | None = None,
) -> Problem:
    """A problem of our own kinds; `name` is what programs tell them apart by."""
    return Problem(
        type=f"urn:kubelapse:problem:{name}",
        title=title,
        status=status,
        detail=detail,
        hint=hint,
        state=state,
        deleted_at=deleted_at,
        created_at=created_at,
        watched_since=watched_since,
        horizon=horizon,
    )

"""What goes wrong in capture, in words, and which answer of an API server means what.

A refusal reaches us twice over: as an HTTP status with a `Status` body, and as an ERROR event inside a watch, whose
object is the same `Status`. Both go through `refusal`, so that 410 means Expired wherever it is met. The predicates
follow apimachinery's `errors.Is*` (by code first, by reason where a proxy has rewritten the code).
"""

from collections.abc import Callable
from typing import Final

import msgspec

from collector.cluster import (
    BadAnswer,
    Busy,
    ClusterError,
    Expired,
    Forbidden,
    NotServed,
    StreamingRefused,
    TooLargeVersion,
    Unauthorized,
)

SERVER_TEXT: Final = 200


class CollectorError(Exception):
    """Capture cannot begin or go on; the message is one sentence that says what to do."""


class CredentialsError(CollectorError):
    """No usable way to a cluster: kubeconfig, context, plugin, token or certificate."""


class OtherCluster(CollectorError):
    """The history in the store belongs to another cluster of the same name."""


class StatusCause(msgspec.Struct, frozen=True, kw_only=True):
    """One cause in a Status, such as `ResourceVersionTooLarge`."""

    reason: str = ""


class StatusDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The part of a Status that machines read; `retry_after_seconds` 0 = not said."""

    causes: list[StatusCause] | None = None
    retry_after_seconds: float = 0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`meta/v1 Status`: how an API server says no."""

    code: int = 0
    reason: str = ""
    message: str = ""
    details: StatusDetails | None = None

    @property
    def retry_after(self) -> float | None:
        """Seconds that the server asked to wait."""
        return self.details.retry_after_seconds or None if self.details else None


def read_status(body: bytes, *, code: int) -> Status:
    """The Status in an answer's body; where it is none (a proxy's page), its beginning as the message."""
    try:
        status = msgspec.json.decode(body, type=Status)
    except msgspec.MsgspecError:
        return Status(code=code, message=body.decode(errors="replace").strip())
    return msgspec.structs.replace(status, code=code) if code else status


def is_expired(status: Status) -> bool:
    """410 Gone or Expired: the resourceVersion or continue token is too old."""
    return status.code == 410 or status.reason in ("Expired", "Gone")


def is_too_large_version(status: Status) -> bool:
    """504 with the cause ResourceVersionTooLarge (old servers say it in the text only): not seen here yet."""
    causes = status.details.causes or [] if status.details else []
    named = any(cause.reason == "ResourceVersionTooLarge" for cause in causes)
    return status.code == 504 and (named or "Too large resource version" in status.message)


def is_busy(status: Status) -> bool:
    """429 and every 5xx: nothing is wrong with the question, only with the moment."""
    return status.code == 429 or 500 <= status.code <= 599


def is_refused_question(status: Status) -> bool:
    """400 and 422: the server does not understand a parameter."""
    return status.code in (400, 422)


_TABLE: Final[tuple[tuple[Callable[[Status], bool], type[ClusterError], str], ...]] = (
    (is_expired, Expired, "the server no longer has this resourceVersion"),
    (is_too_large_version, TooLargeVersion, "this server has not seen this resourceVersion yet"),
    (lambda status: status.code == 401, Unauthorized, "the server does not accept the credentials; log in again"),
    (lambda status: status.code == 403, Forbidden, "the credentials give no right to this"),
    (lambda status: status.code == 404, NotServed, "the server has no such resource"),
    (is_busy, Busy, "the server is busy or failing"),
)


def refusal(status: Status, *, what: str, streaming: bool = False, retry_after: float | None = None) -> ClusterError:
    """The error that this answer means. `what` was asked; `streaming` = it was a streaming list.

    Server text is cut to 200 characters: enough to recognise, too short to carry an object.
    """
    wait = retry_after if retry_after is not None else status.retry_after
    if streaming and is_refused_question(status):
        return StreamingRefused(_sentence(what, "the server does not do streaming lists", status))
    for means, error, words in _TABLE:
        if means(status):
            return error(_sentence(what, words, status), retry_after=wait)
    return BadAnswer(_sentence(what, "unexpected answer", status), retry_after=wait)


def _sentence(what: str, words: str, status: Status) -> str:
    """`list pods: the server is busy or failing (HTTP 503: apiserver not ready)`."""
    said = " ".join(status.message.split())[:SERVER_TEXT]
    return f"{what}: {words} (HTTP {status.code}{': ' + said if said else ''})"

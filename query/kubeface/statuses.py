"""Refusals as Kubernetes clients understand them: Status objects (apimachinery meta/v1)."""

from typing import Literal

from schema.canonical import JsonObject

Reason = Literal[
    "NotFound", "Forbidden", "MethodNotAllowed", "BadRequest", "Invalid", "NotAcceptable", "Expired", "Conflict",
    "TooManyRequests", "InternalError", "ServiceUnavailable", "RequestEntityTooLarge", "AlreadyExists",
    "UnsupportedMediaType",
]  # fmt: skip

CODES: dict[Reason, int] = {
    "NotFound": 404,
    "Forbidden": 403,
    "MethodNotAllowed": 405,
    "BadRequest": 400,
    "Invalid": 422,
    "NotAcceptable": 406,
    "Expired": 410,
    "Conflict": 409,
    "AlreadyExists": 409,
    "TooManyRequests": 429,
    "InternalError": 500,
    "ServiceUnavailable": 503,
    "RequestEntityTooLarge": 413,
    "UnsupportedMediaType": 415,
}


class Refusal(Exception):
    """What is asked for is not there, or not done here. `details`: which object, as Status has it."""

    def __init__(self, reason: Reason, message: str, *, details: JsonObject | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.details = details

    @property
    def code(self) -> int:
        """Of the HTTP answer."""
        return CODES[self.reason]

    def status(self) -> JsonObject:
        """The answer's body."""
        body: JsonObject = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        return body | ({"details": self.details} if self.details else {})

"""Why a question cannot be answered, one class per different reaction of the asker.

QueryError
├── BadTime        a time that the grammar does not know, or that no store can hold
├── BadSelector    a label selector that kubectl would refuse too
├── BadReference   an object or filter spelled in a way that names nothing
│   └── UnknownKind    no recorded cluster serves this type; carries what was probably meant
├── BadCursor      a cursor or resume token that this server did not give out
├── BadWindow      `from` is not before `to`, or a limit is out of range
├── TooManyObjects more objects differ than one answer may hold
├── BadStatement   SQL that is not understood, or that uses what ad-hoc SQL does not offer
├── StatementEnded SQL that was ended: too long, too much, or because somebody said so
├── BadRevision    no recorded revision has this resourceVersion
├── NotAllowed     whoever asks may not do this; what may not be seen is never said so, it is simply not there
├── DamagedHistory a stored row does not say what its hash promises; never shown as if it did
└── TooBusy        every reader is taken; worth another try in a moment
    └── TooManyFollowers  the feed has as many clients as it may have

What was asked and simply is not there (never seen, deleted, not recorded) is an answer, not an error: `query.timeline`.
"""


class QueryError(Exception):
    """The question cannot be answered; `hint` says what to do next."""

    def __init__(self, message: str, hint: str = "") -> None:
        """Both are whole sentences for people; the message repeats what was asked."""
        super().__init__(message)
        self.hint = hint


class BadTime(QueryError):
    """No known form of a time."""


class BadSelector(QueryError):
    """No valid label selector."""


class BadReference(QueryError):
    """Names nothing."""


class UnknownKind(BadReference):
    """No recorded cluster serves this type."""


class BadCursor(QueryError):
    """Not a cursor that was given out here."""


class BadWindow(QueryError):
    """A window without extent, or a limit out of range."""


class TooManyObjects(QueryError):
    """More objects than one answer may hold."""


class BadStatement(QueryError):
    """SQL that is not understood, or not offered. `line` and `column`, from 1: where its fault ends."""

    line = 0
    column = 0

    def at(self, line: int, column: int) -> "BadStatement":
        """The same with the place in the text."""
        self.line, self.column = line, column
        return self


class StatementEnded(QueryError):
    """SQL that needs more than it may have, or was told to end."""


class BadRevision(QueryError):
    """No recorded revision has this resourceVersion."""


class NotAllowed(QueryError):
    """Whoever asks may not do this."""


class DamagedHistory(QueryError):
    """A stored row does not match its own hash or chain."""


class TooBusy(QueryError):
    """Every reader is taken."""


class TooManyFollowers(TooBusy):
    """The feed has as many clients as it may have."""

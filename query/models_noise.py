"""The shapes of answers about noise. As in `query.models`: field names are public, times are UTC."""

from datetime import datetime
from typing import Literal

import msgspec

from query.models import Coverage, Hidden


class HiddenBy(msgspec.Struct, kw_only=True):
    """How many changes of the window one rule hides: a class that the recorder knows, or a rule of the settings.

    A change may be hidden by several rules; `hidden.noise` of the answer counts it once.
    """

    rule: str
    source: Literal["recorded", "setting"]
    changes: int
    objects: int


class NoiseSuggestion(msgspec.Struct, kw_only=True):
    """A place that is written all the time, as a rule, and what it would do.

    `writes`: changes that touched it, in `objects` objects, `per_hour` for each of them. `hides`: changes that would no
    longer be shown with this rule alone. `hides_with_all`: with all suggestions up to this one together.
    """

    rule: str
    kind: str
    path: str
    manager: str
    writes: int
    objects: int
    per_hour: float
    hides: int
    hides_with_all: int
    why: str


class Noise(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """Answer of `/noise`: what is hidden in a window and why; with `suggest=on` also what could be.

    `changes`: all of the window, first sights left out; `hidden.noise` of them are not shown.
    """

    rules: list[HiddenBy]
    suggestions: list[NoiseSuggestion]
    changes: int
    hidden: Hidden
    from_: datetime
    to: datetime
    coverage: Coverage

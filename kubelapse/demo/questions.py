"""The questions that the demo asks of its incident, and the commands that answer them (`questions.toml`).

`{start}` and `{end}` stand for the first and last moment of the recording; `{end-12m}` for 12 minutes before its end.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files

from query.times import duration

_PLACE = re.compile(r"\{(start|end)(?:([+-])(\w+))?\}")


@dataclass(frozen=True, slots=True)
class Question:
    """What someone would ask, and the command line (without the program's name) that answers it."""

    ask: str
    command: tuple[str, ...]

    def at(self, start: datetime, end: datetime) -> "Question":
        """The same question about a recording of this time."""

        def moment(found: "re.Match[str]") -> str:
            base = start if found[1] == "start" else end
            step = duration(found[3]) if found[3] else timedelta()
            return (base - step if found[2] == "-" else base + step).isoformat().replace("+00:00", "Z")

        return Question(self.ask, tuple(_PLACE.sub(moment, word) for word in self.command))


def questions() -> list[Question]:
    """The bundled questions."""
    text = files("kubelapse.demo").joinpath("questions.toml").read_text(encoding="utf-8")
    return read(tomllib.loads(text)["question"])


def read(entries: Sequence[dict[str, object]]) -> list[Question]:
    """From the tables of questions.toml."""
    return [Question(str(entry["ask"]), tuple(str(entry["command"]).split())) for entry in entries]

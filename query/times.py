"""The one time grammar, for every `--at/--from/--to/--since/--until` and every `?at=&from=&to=&since=`.

    2026-11-22T03:12:40.5Z     RFC 3339, kept to the microsecond; `T` may be a space, seconds and zone may be missing
    2026-11-22                 midnight of that day in the asker's zone
    2h  1h30m  2d  90s  500ms  that long ago; also `2h ago` and `-2h`
    now  now-6h  now-1d/d+2h   date math as in Grafana: steps back and forth, `/unit` goes to the start of the unit
    today  yesterday 14:00  tomorrow   start of the day in the asker's zone, or a time in it
    14:05  14:05:30            its latest past occurrence in the asker's zone
    @1760000000[.123]          seconds since 1970
    rv:12345                   the moment of a resourceVersion, where one object is named

Everything else goes to dateparser (English), imported only then. `now` and the zone are passed in: the grammar reads no
clock. Instants in the future are fine here; callers decide. A local time that a clock change repeated means the earlier
one.
"""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from query.errors import BadTime

ACCEPTED = (
    "Accepted are RFC 3339 (2026-11-22T03:12:40Z), a duration ago (90s, 1h30m, 2d, 2h ago), now, now-6h, now/d, "
    "today, yesterday 14:00, 14:05, @1760000000, and rv:<resourceVersion> where one object is named."
)
LONGEST = 100

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2299, 12, 31, tzinfo=UTC)
"""The range of ClickHouse's DateTime64: no instant outside of it can be stored or compared."""

_UNITS = {
    "us": timedelta(microseconds=1),
    "µs": timedelta(microseconds=1),
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_AMOUNT = r"\d+(?:\.\d+)?(?:us|µs|ms|s|m|h|d|w)"
_DURATION = re.compile(rf"(?:{_AMOUNT})+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(us|µs|ms|s|m|h|d|w)")
_AGO = re.compile(rf"-?\s*((?:{_AMOUNT}\s*)+?)\s*(?:ago)?", re.ASCII)
_MATH = re.compile(rf"now((?:\s*[+-]\s*(?:{_AMOUNT})+|/[smhdwMy])*)")
_STEP = re.compile(rf"([+-])\s*((?:{_AMOUNT})+)|/([smhdwMy])")
_CLOCK = r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?"
_TIME = re.compile(_CLOCK)
_DAY = re.compile(rf"(today|yesterday|tomorrow)(?:\s+(?:at\s+)?{_CLOCK})?")
_EPOCH = re.compile(r"@(\d{1,12})(?:\.(\d{1,9}))?")
_RV = re.compile(r"rv:(\S+)", re.IGNORECASE)
_RFC3339 = re.compile(
    rf"(\d{{4}})-(\d{{2}})-(\d{{2}})(?:[Tt ]{_CLOCK}\s*([Zz]|[+-]\d{{2}}:?\d{{2}}| \d{{2}}:\d{{2}})?)?", re.ASCII
)
_DAYS = {"today": 0, "yesterday": -1, "tomorrow": 1}


@dataclass(frozen=True, slots=True)
class RvRef:
    """`rv:<resourceVersion>`: a moment in the life of one object, named by the server's own counter."""

    rv: str


def resolve(text: str, *, now: datetime, tz: tzinfo = UTC) -> datetime | RvRef:
    """The instant that `text` means, in UTC, or the resourceVersion it names. Raises BadTime, which tells the forms."""
    wanted = text.strip()
    if not wanted or len(wanted) > LONGEST:
        raise BadTime(f"{_short(text)} is not a time.", ACCEPTED)
    if match := _RV.fullmatch(wanted):
        return RvRef(match[1])
    try:
        return _in_range(_instant(wanted, now.astimezone(tz), tz), text)
    except (ValueError, OverflowError) as error:
        raise BadTime(f"{_short(text)} is not a time that exists.", ACCEPTED) from error


def instant(text: str, *, now: datetime, tz: tzinfo = UTC) -> datetime:
    """As `resolve`, where no object is named: `rv:` is refused."""
    answer = resolve(text, now=now, tz=tz)
    if isinstance(answer, RvRef):
        raise BadTime(
            f"rv:{answer.rv} names a moment of one object, but no single object is asked for.",
            "Name the object, or give a time instead.",
        )
    return answer


def fixed(text: str, *, now: datetime, tz: tzinfo = UTC) -> bool:
    """Whether `text` means the same whenever it is asked: an instant or a resourceVersion, not a distance from now."""
    long_ago = now - timedelta(days=1000, hours=7, minutes=11)
    return bool(text.strip()) and resolve(text, now=now, tz=tz) == resolve(text, now=long_ago, tz=tz)


def duration(text: str) -> timedelta:
    """`1h30m`, `2d`, `90s`, `500ms` as a length of time. Raises BadTime."""
    wanted = text.strip()
    if not _DURATION.fullmatch(wanted):
        raise BadTime(f"{_short(text)} is not a duration.", "Write it like 90s, 1h30m, 2d or 500ms.")
    try:
        return _sum(wanted)
    except OverflowError as error:
        raise BadTime(f"{_short(text)} is longer than time itself.", "Write it like 90s, 1h30m or 2d.") from error


def zone(name: str) -> tzinfo:
    """`UTC`, an IANA name (`Europe/Vienna`) or an offset (`+02:00`). Raises BadTime."""
    import zoneinfo

    if name.upper() in ("UTC", "Z", ""):
        return UTC
    try:
        if re.fullmatch(r"[+-]\d{2}:?\d{2}", name, re.ASCII):
            return _offset(name, UTC)
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadTime(
            f"{_short(name)} is not a time zone.",
            "Give an IANA name such as Europe/Vienna, an offset such as +02:00, or UTC.",
        ) from error


def rfc3339(moment: datetime) -> str:
    """UTC with as many sub-second digits as it has (none, 3 or 6), `Z` at the end."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return (text[:-7] if text.endswith(".000000") else text[:-3] if text.endswith("000") else text) + "Z"


def _instant(text: str, now: datetime, tz: tzinfo) -> datetime:
    """`now` is already in `tz`. The forms exclude one another, so their order does not matter."""
    forms: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], datetime, tzinfo], datetime]], ...] = (
        (_RFC3339, _rfc3339),
        (_AGO, _ago),
        (_EPOCH, _epoch),
        (_TIME, _clock),
    )
    for pattern, meaning in forms:
        if match := pattern.fullmatch(text):
            return meaning(match, now, tz)
    lower = text.lower()
    if match := _DAY.fullmatch(lower):
        return _day(match, now, tz)
    # Units of date math are case sensitive: `M` is a month, `m` a minute.
    if match := _MATH.fullmatch(("now" + text[3:]) if lower.startswith("now") else text):
        return _math(match, now, tz)
    return _by_dateparser(text, now, tz)


def _ago(match: re.Match[str], now: datetime, _tz: tzinfo) -> datetime:
    return now.astimezone(UTC) - _sum(match[1])


def _epoch(match: re.Match[str], _now: datetime, _tz: tzinfo) -> datetime:
    return datetime.fromtimestamp(int(match[1]), UTC) + timedelta(microseconds=_micros(match[2]))


def _clock(match: re.Match[str], now: datetime, tz: tzinfo) -> datetime:
    wanted, leap = _time_of_day(match.groups()[:4])
    found = _local(now.date(), wanted, tz) + leap
    return found if found <= now.astimezone(UTC) else _local(now.date() - timedelta(days=1), wanted, tz) + leap


def _day(match: re.Match[str], now: datetime, tz: tzinfo) -> datetime:
    day = now.date() + timedelta(days=_DAYS[match[1]])
    if match[2] is None:
        return _local(day, time(), tz)
    wanted, leap = _time_of_day(match.groups()[1:5])
    return _local(day, wanted, tz) + leap


def _math(match: re.Match[str], now: datetime, tz: tzinfo) -> datetime:
    moment = now
    for sign, amount, unit in _STEP.findall(match[1]):
        if unit:
            moment = _floor(moment, unit, tz)
        else:
            moment = (moment.astimezone(UTC) + (_sum(amount) if sign == "+" else -_sum(amount))).astimezone(tz)
    return moment


def _rfc3339(match: re.Match[str], _now: datetime, tz: tzinfo) -> datetime:
    day = date(int(match[1]), int(match[2]), int(match[3]))
    if match[4] is None:
        return _local(day, time(), tz)
    wanted, leap = _time_of_day(match.groups()[3:7])
    return _local(day, wanted, _offset(match[8], tz)) + leap


def _by_dateparser(text: str, now: datetime, tz: tzinfo) -> datetime:
    """Words such as `3 hours ago`, `last monday`, `22 Nov 2026 14:00`. A bare number names nothing and is refused."""
    if text.startswith("now") or not re.search(r"[A-Za-z]{3}", text):
        raise BadTime(f"{_short(text)} is not a time.", ACCEPTED)
    import dateparser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own use of deprecated datetime calls is not the asker's concern
        found = dateparser.parse(
            text, languages=["en"], settings={"RELATIVE_BASE": now.replace(tzinfo=None), "PREFER_DATES_FROM": "past"}
        )
    if not isinstance(found, datetime):
        raise BadTime(f"{_short(text)} is not a time.", ACCEPTED)
    return found.astimezone(UTC) if found.tzinfo else _local(found.date(), found.time(), tz)


def _sum(text: str) -> timedelta:
    return sum((_UNITS[unit] * _number(amount) for amount, unit in _PART.findall(text)), timedelta())


def _number(text: str) -> float | int:
    """Whole numbers stay whole, so that long durations lose no microsecond."""
    return float(text) if "." in text else int(text)


def _floor(moment: datetime, unit: str, tz: tzinfo) -> datetime:
    """The start of the second, minute, hour, day, week (Monday), month or year of `moment`, in its own zone."""
    if unit in "smh":
        cut = {"s": 1, "m": 60, "h": 3600}[unit]
        wall = moment.replace(tzinfo=None)
        seconds = (wall.minute * 60 + wall.second) % cut if cut > 1 else 0
        return moment - timedelta(seconds=seconds, microseconds=wall.microsecond)
    day = moment.date()
    starts = {
        "d": day,
        "w": day - timedelta(days=day.weekday()),
        "M": day.replace(day=1),
        "y": day.replace(month=1, day=1),
    }
    return _local(starts[unit], time(), tz).astimezone(tz)


def _time_of_day(groups: tuple[str | None, ...]) -> tuple[time, timedelta]:
    """The time, and the second to add when it is a leap second (RFC 3339 allows `:60`)."""
    hour, minute, second, fraction = groups
    seconds = int(second or 0)
    leap = timedelta(seconds=1) if seconds == 60 else timedelta()
    return time(int(hour or 0), int(minute or 0), min(seconds, 59) if leap else seconds, _micros(fraction)), leap


def _micros(fraction: str | None) -> int:
    return int((fraction or "")[:6].ljust(6, "0"))


def _offset(text: str | None, tz: tzinfo) -> tzinfo:
    """A `+` that a URL turned into a space is read as the `+` it was."""
    if text is None:
        return tz
    if text in "Zz":
        return UTC
    sign = -1 if text[0] == "-" else 1
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise ValueError("its zone is out of range")
    return timezone(sign * timedelta(hours=hours, minutes=minutes))


def _local(day: date, wanted: time, tz: tzinfo) -> datetime:
    return datetime.combine(day, wanted, tzinfo=tz).astimezone(UTC)


def _in_range(moment: datetime, text: str) -> datetime:
    found = moment.astimezone(UTC)
    if not EARLIEST <= found <= LATEST:
        raise BadTime(f"{_short(text)} lies outside of the years that can be recorded (1900 to 2299).", ACCEPTED)
    return found


def _short(text: str) -> str:
    """What was asked, quoted, cut so that an error stays one line."""
    shown = text if len(text) <= 60 else text[:57] + "..."
    return repr(shown)

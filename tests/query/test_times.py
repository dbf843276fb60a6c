"""Every form of the time grammar, and that nothing else gets through."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.errors import BadTime
from query.times import RvRef, duration, fixed, instant, resolve, rfc3339, zone

NOW = datetime(2026, 11, 22, 15, 30, 0, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")
moments = st.integers(0, 7_258_118_400_000_000).map(lambda micros: EPOCH + timedelta(microseconds=micros))


def at(text: str, tz: str = "UTC") -> str:
    return rfc3339(instant(text, now=NOW, tz=zone(tz)))


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("2026-11-22T03:12:40Z", "2026-11-22T03:12:40Z"),
        ("2026-11-22t03:12:40.123456z", "2026-11-22T03:12:40.123456Z"),
        ("2026-11-22T03:12:40.123456789Z", "2026-11-22T03:12:40.123456Z"),
        ("2026-11-22T03:12:40.5+01:00", "2026-11-22T02:12:40.500Z"),
        ("2026-11-22T03:12:40 01:00", "2026-11-22T02:12:40Z"),
        ("2026-11-22 03:12", "2026-11-22T03:12:00Z"),
        ("2026-11-22", "2026-11-22T00:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2h", "2026-11-22T13:30:00Z"),
        ("-2h", "2026-11-22T13:30:00Z"),
        ("1h30m", "2026-11-22T14:00:00Z"),
        ("1h30m ago", "2026-11-22T14:00:00Z"),
        ("2d", "2026-11-20T15:30:00Z"),
        ("90s", "2026-11-22T15:28:30Z"),
        ("500ms", "2026-11-22T15:29:59.500Z"),
        ("1.5h", "2026-11-22T14:00:00Z"),
        ("now", "2026-11-22T15:30:00Z"),
        ("now-6h", "2026-11-22T09:30:00Z"),
        ("now+5m", "2026-11-22T15:35:00Z"),
        ("now/d", "2026-11-22T00:00:00Z"),
        ("now-1d/d+2h", "2026-11-21T02:00:00Z"),
        ("now/w", "2026-11-16T00:00:00Z"),
        ("now/M", "2026-11-01T00:00:00Z"),
        ("now/h", "2026-11-22T15:00:00Z"),
        ("today", "2026-11-22T00:00:00Z"),
        ("yesterday 14:00", "2026-11-21T14:00:00Z"),
        ("tomorrow", "2026-11-23T00:00:00Z"),
        ("14:05", "2026-11-22T14:05:00Z"),
        ("15:31", "2026-11-21T15:31:00Z"),
        ("@1760000000", "2025-10-09T08:53:20Z"),
        ("@1760000000.123", "2025-10-09T08:53:20.123Z"),
        ("3 hours ago", "2026-11-22T12:30:00Z"),
        ("22 Nov 2026 14:00", "2026-11-22T14:00:00Z"),
    ],
)
def test_a_form_means_this_instant(text: str, meaning: str) -> None:
    assert at(text) == meaning


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("today", "2026-11-21T23:00:00Z"),
        ("now/d", "2026-11-21T23:00:00Z"),
        ("16:20", "2026-11-22T15:20:00Z"),
        ("16:40", "2026-11-21T15:40:00Z"),
        ("2026-07-01T12:00", "2026-07-01T10:00:00Z"),
        ("yesterday 14:00", "2026-11-21T13:00:00Z"),
        ("now-30d/d", "2026-10-22T22:00:00Z"),
    ],
)
def test_times_without_a_zone_are_the_askers(text: str, meaning: str) -> None:
    assert at(text, "Europe/Vienna") == meaning


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "foo",
        "5",
        "2 x",
        "25:00",
        "14:61",
        "2026-13-01",
        "2026-02-30T00:00:00Z",
        "@",
        "@x",
        "now-",
        "now/q",
        "2h30",
        "9999999999d",
        "2026-11-22T03:12:40+99:00",
        "x" * 101,
        "rv:",
        "1850-01-01",
        "@999999999999",
    ],
)
def test_what_is_no_time_is_refused_and_told_what_is(text: str) -> None:
    with pytest.raises(BadTime) as refused:
        resolve(text, now=NOW)
    assert "now-6h" in refused.value.hint


def test_a_resource_version_is_its_own_kind_of_moment() -> None:
    assert resolve("rv:12345", now=NOW) == RvRef("12345")
    with pytest.raises(BadTime, match="one object"):
        instant("rv:12345", now=NOW)


@pytest.mark.parametrize("name", ["Mars/Phobos", "../etc/passwd", "+25:00", "-99:99", "+2", "x" * 300])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(BadTime, match="time zone"):
        zone(name)


def test_a_zone_may_be_an_offset() -> None:
    assert datetime(2026, 1, 1, tzinfo=zone("+02:00")).utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize("text", ["2h", "now-6h", "now/d", "yesterday 14:00", "14:05", "last monday", ""])
def test_what_depends_on_now_is_not_fixed(text: str) -> None:
    assert not fixed(text, now=NOW)


@pytest.mark.parametrize("text", ["2026-11-22T03:12:40Z", "2026-11-22", "@1760000000.5", "rv:12"])
def test_an_instant_is_fixed(text: str) -> None:
    assert fixed(text, now=NOW)


@given(moments)
def test_what_is_printed_reads_back_to_the_microsecond(moment: datetime) -> None:
    assert resolve(rfc3339(moment), now=NOW) == moment


@given(moments, st.integers(0, 10**7), st.sampled_from(["us", "ms", "s", "m"]))
def test_a_duration_is_that_long_before_now(now: datetime, amount: int, unit: str) -> None:
    text = f"{amount}{unit}"
    assert resolve(text, now=now) == now - duration(text)
    assert resolve(f"now-{text}", now=now) == resolve(f"{text} ago", now=now)


@given(moments, st.integers(0, 23), st.integers(0, 59), st.sampled_from([UTC, VIENNA]))
def test_a_time_of_day_is_never_ahead_and_never_older_than_a_day(
    now: datetime, hour: int, minute: int, tz: ZoneInfo
) -> None:
    found = instant(f"{hour}:{minute:02}", now=now, tz=tz)
    assert found <= now < found + timedelta(hours=25)


@given(st.text(max_size=40))
def test_any_text_is_an_instant_or_a_refusal(text: str) -> None:
    try:
        found = resolve(text, now=NOW)
    except BadTime:
        return
    assert isinstance(found, RvRef) or found.tzinfo is UTC

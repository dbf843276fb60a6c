"""A session of a browser is worth what the token behind it is worth, and ends with it."""

import asyncio

import pytest

from query.access import EVERYTHING, NOTHING
from query.callers import Begun, Grant, LoginUnavailable
from query.sessions import IDLE, OF_ONE, Sessions
from tests.fakes.logins import FakeLogins

HOUR = 3600.0


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Renewing:
    """A provider that renews what is in `renewals`, once."""

    name = "sso.example.org"

    def __init__(self, **renewals: str) -> None:
        self.renewals = renewals
        self.asked = 0
        self.away = False

    async def begin(self, callback: str) -> Begun:
        raise NotImplementedError

    async def finish(self, begun: Begun, callback: str, code: str, issuer: str) -> Grant:
        raise NotImplementedError

    async def renew(self, grant: Grant) -> Grant | None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise LoginUnavailable("The provider does not answer.")
        token = self.renewals.pop(grant.refresh, "")
        return Grant(token=token, refresh="next") if token else None


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def logins() -> FakeLogins:
    return FakeLogins(ann=NOTHING, bob=EVERYTHING)


def sessions(logins: FakeLogins, clock: Clock) -> Sessions:
    return Sessions(logins, length=12 * HOUR, clock=clock)


async def test_a_session_shows_what_its_token_may_see_now(logins: FakeLogins, clock: Clock) -> None:
    found = sessions(logins, clock)
    name = found.begin(Grant(token="ann"), "ann")
    assert await found.admit(name) == await logins.admit("ann")
    logins.callers["ann"] = EVERYTHING
    caller = await found.admit(name)
    assert caller is not None
    assert caller.reach == EVERYTHING
    assert await found.admit("another") is None


async def test_a_session_ends_with_its_token(logins: FakeLogins, clock: Clock) -> None:
    found = sessions(logins, clock)
    name = found.begin(Grant(token="ann"), "ann")
    reach = logins.callers.pop("ann")
    assert await found.admit(name) is None
    logins.callers["ann"] = reach
    assert await found.admit(name) is None
    assert len(found) == 0


async def test_a_session_ends_unused_at_its_end_and_by_signing_out(logins: FakeLogins, clock: Clock) -> None:
    found = sessions(logins, clock)
    unused, used, out = (found.begin(Grant(token="ann"), "ann") for _ in range(3))
    assert (found.end(out), found.end(out)) == ("ann", "")
    assert await found.admit(out) is None
    for _ in range(11):
        clock.now += IDLE - 1
        assert await found.admit(used) is not None
    assert await found.admit(unused) is None
    clock.now = 12 * HOUR
    assert await found.admit(used) is None


async def test_a_refresh_token_is_used_once_for_all_who_ask(logins: FakeLogins, clock: Clock) -> None:
    logins.provider = provider = Renewing(first="ann")
    found = sessions(logins, clock)
    name = found.begin(Grant(token="old", refresh="first"), "ann")
    callers = await asyncio.gather(*(found.admit(name) for _ in range(5)))
    assert [each.name if each else "" for each in callers] == ["ann"] * 5
    assert provider.asked == 1


async def test_a_renewal_goes_on_when_the_browser_does_not_wait_for_it(logins: FakeLogins, clock: Clock) -> None:
    logins.provider = Renewing(first="ann")
    found = sessions(logins, clock)
    name = found.begin(Grant(token="old", refresh="first"), "ann")
    gone = asyncio.create_task(found.admit(name))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    assert await found.admit(name) is not None


@pytest.mark.parametrize("renewed", ["", "bob", "nobody"])
async def test_what_is_renewed_for_nobody_or_somebody_else_ends_it(
    logins: FakeLogins, clock: Clock, renewed: str
) -> None:
    logins.provider = Renewing(first=renewed)
    found = sessions(logins, clock)
    name = found.begin(Grant(token="old", refresh="first"), "ann")
    assert await asyncio.gather(*(found.admit(name) for _ in range(3))) == [None] * 3
    assert len(found) == 0


async def test_while_nobody_can_be_asked_there_is_no_answer_and_the_session_stays(
    logins: FakeLogins, clock: Clock
) -> None:
    logins.provider = provider = Renewing(first="ann")
    provider.away = True
    found = sessions(logins, clock)
    name = found.begin(Grant(token="old", refresh="first"), "ann")
    with pytest.raises(LoginUnavailable):
        await found.admit(name)
    provider.away = False
    assert await found.admit(name) is not None


async def test_one_user_has_so_many_and_the_longest_unused_ends(logins: FakeLogins, clock: Clock) -> None:
    found = sessions(logins, clock)
    bob = found.begin(Grant(token="bob"), "bob")
    names = [found.begin(Grant(token="ann"), "ann") for _ in range(OF_ONE)]
    assert await found.admit(names[0]) is not None
    found.begin(Grant(token="ann"), "ann")
    assert [await found.admit(each) is not None for each in (bob, names[0], names[1], names[2])] == [
        True, True, False, True,
    ]  # fmt: skip
    assert "ann" not in repr(Grant(token="ann", refresh="ann"))

"""Sends changes on to a receiver (webhook, OpenTelemetry), each at least once, in log order, from a place that lasts.

The history itself is the queue: nothing waits in memory but what is being sent, and a receiver that is away for a week
goes on where it stopped. The place moves once something was taken. It is written at most every `KEEP` seconds and at
the end, so only a crash, or an answer that never came, lets something be sent again, under the same id.

What a receiver refuses `tries` times becomes a dead letter, by itself where it came in a batch, and the next is sent.
While the receiver cannot be reached nothing is given up. One that answers "gone" is sent nothing until somebody
replays.

Of several replicas on one store one sends to a receiver (`claims`); the others stand by, and one of them goes on when
it dies. Who is told to replay takes over.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Final, Literal, Protocol

from query import backoff, deliveries, feeds_read
from query.backoff import Backoff
from query.claims import Claim, Pace
from query.deliveries import MOST_LETTERS, Letter, Place
from query.errors import QueryError, TooBusy
from query.feeds import Feed, Walk
from query.feeds_read import FeedChange, Item
from query.metrics import Metrics
from query.readers import Readers
from query.scope import ChangeFilter
from schema.store import Store, StoreError

log = logging.getLogger(__name__)

KEEP: Final = 1.0
GRACE: Final = 1.0
"""Seconds that a delivery under way gets when the server ends."""
_FIRST: Final = 1.0

State = Literal["sending", "waiting", "gone", "standby"]
Parcel = Sequence[tuple[int, Item]]
"""Items with their positions."""


class NotTaken(Exception):
    """The receiver did not take it; one sentence without secrets.

    `counts`: it was there and said no, or nothing; else it could not be reached. `after`: seconds it asked for.
    """

    def __init__(self, reason: str, *, counts: bool, after: float | None = None) -> None:
        super().__init__(reason)
        self.counts = counts
        self.after = after


class Gone(Exception):
    """The receiver wants nothing more, ever (410)."""


class Receiver(Protocol):
    """Somebody who takes changes."""

    name: str
    kind: str
    address: str
    """Without credentials."""

    async def take(self, parcel: Parcel) -> None:
        """Returns when it has them. Raises NotTaken, Gone."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What goes to whom. `choose` runs in a reader thread; `batch`: items at once; `tries` before a dead letter."""

    receiver: Receiver
    choose: Callable[[Store], ChangeFilter]
    batch: int = 1
    tries: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What couriers share. `pace`: of claims, where other processes may send from this store too."""

    store: Store
    readers: Readers
    feed: Feed
    metrics: Metrics
    clock: Callable[[], datetime]
    random: Random = field(default_factory=Random)
    first: float = _FIRST
    pace: Pace | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """A wish: from this position again, or (None) what was put aside."""

    position: int | None


class _Ending(Exception):
    """The server ends."""


class Courier:
    """One receiver's."""

    def __init__(self, office: Office, route: Route) -> None:
        self.route = route
        self.state: State = "sending"
        self.trouble = ""
        self.place = Place(position=0, ledger=datetime.fromtimestamp(0, UTC))
        self._office = office
        self._name = route.receiver.name
        self._wishes: list[Replay] = []
        self._wished = asyncio.Event()
        self._kept: Place | None = None
        self._kept_at = float("-inf")
        self._backoff = Backoff(office.random, office.first)
        self._claim: Claim | None = None

    def replay(self, wish: Replay) -> None:
        """Soon; also wakes one that is gone or waits."""
        self._wishes.append(wish)
        self._wished.set()

    async def run(self) -> None:
        """Until the server ends. Whatever fails is said once and tried again."""
        keeping = self._keep_claim()
        try:
            while not self._office.feed.stopping:
                try:
                    await self._go_on()
                except (StoreError, QueryError) as error:
                    self._say(f"nothing can be read to be sent: {error}")
                    await self._rest(self._backoff.next())
                except _Ending:
                    raise
                except Exception:  # a fault of ours ends nobody's deliveries for good
                    log.exception("%s: sending has failed; it is begun again", self._name)
                    self.trouble = "sending has failed, the server's log has the details"
                    await self._rest(self._backoff.next())
        except _Ending:
            pass
        finally:
            with suppress(StoreError, QueryError):
                await self._keep(always=True)
            if keeping is not None and self._claim is not None:
                keeping.cancel()
                with suppress(StoreError, QueryError):
                    await self._claim.release()

    def _keep_claim(self) -> "asyncio.Task[None] | None":
        office, clock = self._office, asyncio.get_running_loop().time
        if office.pace is None:
            return None
        self._claim = Claim(office.store, office.readers, self._name, office.pace, clock)
        return asyncio.create_task(self._claim.keep(), name=f"claim {self._name}")

    @property
    def _mine(self) -> bool:
        """Whether this process is the one that sends."""
        return self._claim is None or self._claim.mine

    async def _stand_by(self, claim: Claim) -> None:
        """Until the claim is ours; a wish takes it."""
        self.state, self._kept = "standby", None
        self._tell_lag(None)
        while not claim.mine:
            if self._wishes:
                claim.want()
                self._wished.clear()
            await self._rest(claim.pace.beat / 10, state="standby")

    async def _go_on(self) -> None:
        if self._claim is not None and not self._claim.mine:
            await self._stand_by(self._claim)
        chosen = await self._office.readers.run(lambda: self.route.choose(self._office.store))
        await self._begin()
        walk = self._walk(chosen)
        while not self._office.feed.stopping and self._mine:
            if self._wishes:
                await self._fulfil(chosen, self._wishes.pop(0))
                walk = self._walk(chosen)
                continue
            self._wished.clear()
            if self.place.gone:
                self.state = "gone"
                await self._rest(None)
                continue
            self.state = "sending"
            await self._send(walk)

    def _walk(self, chosen: ChangeFilter) -> Walk:
        return self._office.feed.walk(chosen, self.place.position, self.place.ledger)

    async def _begin(self) -> None:
        """Where it stopped; the first time: from now on."""
        if self._kept is not None:
            return
        office = self._office
        found = await office.readers.run(lambda: deliveries.place(office.store, self._name))
        head = await office.feed.newest()
        if found is not None and found.position > head:
            log.warning(
                "%s: the log ends before what was sent already: another store? It goes on from there", self._name
            )
            found = replace(found, position=head)
        self.place = found or Place(position=head, ledger=office.clock())
        self._kept = found
        await self._keep(always=True)

    async def _send(self, walk: Walk) -> None:
        items = await self._unless_woken(walk)
        for start in range(0, len(items), self.route.batch):
            parcel = items[start : start + self.route.batch]
            self._tell_lag(parcel[0][0])
            if not await self._deliver(parcel):
                return
            # A gap's position is that of the changes behind it, which may not be sent yet.
            self.place = replace(self.place, position=max(self.place.position, parcel[-1][0]))
            await self._keep()
        self.place = replace(self.place, position=walk.position, ledger=walk.ledger or self.place.ledger)
        self._tell_lag(None)
        await self._keep()

    async def _unless_woken(self, walk: Walk) -> Sequence[tuple[int, Item]]:
        """What comes next; nothing when somebody wishes something else first."""
        step = asyncio.ensure_future(walk.step())
        wished = asyncio.ensure_future(self._wished.wait())
        try:
            await asyncio.wait({step, wished}, return_when=asyncio.FIRST_COMPLETED)
            return await step if step.done() else []
        except TooBusy:
            await self._office.feed.pause()
            return []
        finally:
            step.cancel()
            wished.cancel()

    async def _deliver(self, parcel: Parcel) -> bool:
        """True when it was taken or put aside; False when the receiver is gone, somebody wishes something else, or the
        claim is lost."""
        tries = 0
        while self._mine:
            try:
                await self._take(parcel)
            except NotTaken as error:
                tries += error.counts
                self._say(str(error))
                if tries < self.route.tries:
                    await self._rest(self._backoff.next(error.after))
                    if self._wishes:
                        return False
                elif len(parcel) > 1:
                    return all([await self._deliver([each]) for each in parcel])
                else:
                    return await self._put_aside(parcel[0], str(error), tries)
            except Gone as error:
                log.warning("%s: %s; it is sent nothing until it is replayed", self._name, error)
                self.trouble, self.place = str(error), replace(self.place, gone=True)
                await self._keep(always=True)
                return False
            else:
                self._office.metrics.deliveries.labels(self._name, "taken").inc(len(parcel))
                self._backoff.reset()
                self.trouble = ""
                return True
        return False

    async def _take(self, parcel: Parcel) -> None:
        """One try; at the server's end it gets a moment. Raises NotTaken, Gone, _Ending."""
        metrics, feed = self._office.metrics, self._office.feed
        with metrics.delivery_seconds.labels(self._name).time():
            taking = asyncio.ensure_future(self.route.receiver.take(parcel))
            ending = asyncio.ensure_future(feed.end())
            try:
                await asyncio.wait({taking, ending}, return_when=asyncio.FIRST_COMPLETED)
                if not taking.done():
                    await asyncio.wait({taking}, timeout=GRACE)
                if not taking.done():
                    raise _Ending
                await taking
            except NotTaken as error:
                metrics.deliveries.labels(self._name, "refused" if error.counts else "unreachable").inc(len(parcel))
                raise
            finally:
                taking.cancel()
                ending.cancel()

    async def _put_aside(self, item: tuple[int, Item], reason: str, tries: int) -> bool:
        office, now = self._office, self._office.clock()
        while await office.readers.run(lambda: deliveries.count_letters(office.store, self._name)) >= MOST_LETTERS:
            self._say(f"there are {MOST_LETTERS} dead letters; nothing more is sent until some are replayed")
            await self._rest(backoff.MOST)
            if self._wishes:
                return False
        found = _letter(item, reason, tries, now)
        await office.readers.run(lambda: deliveries.put_aside(office.store, self._name, [found], now=now))
        office.metrics.deliveries.labels(self._name, "dead").inc()
        self._backoff.reset()
        log.warning("%s: %s was given up after %d tries: %s", self._name, found.id, tries, reason)
        return True

    async def _fulfil(self, chosen: ChangeFilter, wish: Replay) -> None:
        self.place = replace(self.place, gone=False)
        if wish.position is not None:
            ledger = feeds_read.moment_of(wish.position)
            self.place = Place(position=wish.position, ledger=min(ledger, self.place.ledger))
        else:
            await self._revive(chosen)
        await self._keep(always=True)

    async def _revive(self, chosen: ChangeFilter) -> None:
        """Send dead letters again; what is refused once more stays."""
        office, feed = self._office, self._office.feed
        for letter in await office.readers.run(lambda: deliveries.letters(office.store, self._name)):
            items: list[tuple[int, Item]] = (
                list((await feed.batch(chosen, letter.position - 1, letter.position)).changes)
                if letter.type == "change"
                else await feed.gap(letter.id)
            )
            try:
                for each in items:
                    await self._take([each])
            except NotTaken as error:
                self._say(str(error))
                if not error.counts:
                    return
                continue
            except Gone:
                self.place = replace(self.place, gone=True)
                return
            now = office.clock()
            done = [letter]
            await office.readers.run(
                lambda done=done, now=now: deliveries.put_aside(  # type: ignore[misc]  # a lambda's defaults
                    office.store, self._name, done, now=now, deleted=True
                )
            )
            office.metrics.deliveries.labels(self._name, "taken").inc(len(items))

    async def _keep(self, *, always: bool = False) -> None:
        """Write the place down, at most every so often."""
        office, now = self._office, asyncio.get_running_loop().time()
        place = self.place
        if place == self._kept or not self._mine or not (always or now - self._kept_at >= KEEP):
            return
        moment = office.clock()
        await office.readers.run(lambda: deliveries.keep(office.store, self._name, place, now=moment))
        self._kept, self._kept_at = place, now

    async def _rest(self, seconds: float | None, *, state: State = "waiting") -> None:
        """So long (None: until it is woken); less when somebody wishes something. Raises _Ending."""
        self.state = self.state if seconds is None else state
        ending = asyncio.ensure_future(self._office.feed.end())
        wished = asyncio.ensure_future(self._wished.wait())
        try:
            await asyncio.wait({ending, wished}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
            wished.cancel()
        if self._office.feed.stopping:
            raise _Ending

    def _tell_lag(self, position: int | None) -> None:
        """How old the oldest is that was not taken yet."""
        since = 0.0 if position is None else (self._office.clock() - feeds_read.moment_of(position)).total_seconds()
        self._office.metrics.delivery_lag.labels(self._name).set(max(0.0, since))

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.warning("%s: %s", self._name, trouble)
        self.trouble = trouble


def _letter(item: tuple[int, Item], reason: str, tries: int, now: datetime) -> Letter:
    position, content = item
    if isinstance(content, FeedChange):
        return Letter(position=position, id=content.id, type="change", reason=reason, tries=tries, at=now)
    identity = content.gap.id if content.gap else content.type
    return Letter(position=position, id=identity, type="gap", reason=reason, tries=tries, at=now)

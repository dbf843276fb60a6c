"""What a user of the cluster may see of its history: what they may `list` there now.

For each kind one SubjectAccessReview without a namespace, then one for each namespace where that was refused. Secrets
need `get` too. Decisions are kept for a short time (allowed 60 s, refused 10 s), what follows from them for 10 s.

What has ended needs the right to list it everywhere: nobody can hold a right in a namespace that is gone, and a right
to a kind that is no longer served in one namespace does not count. Of a namespace that was deleted and made again who
may read it now sees what happened since it was made.

The rights of the one cluster that is asked hold for the recorded clusters that settings name.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar

from kubelapse.auth.reviews import Reviews, Rule, User
from query.access import EVERYTHING, NOTHING, SECRETS, Grant, KindKey, Reach
from query.callers import LoginUnavailable
from schema.store import Store

ALLOWED: Final = 60.0
REFUSED: Final = 10.0
PLACES: Final = 10.0
_MOST: Final = 20_000
"""Questions about one user."""
_KEPT: Final = 100_000
_USERS: Final = 5_000

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What is recorded. `since`: of namespaces that were made anew, when."""

    clusters: frozenset[str]
    kinds: frozenset[KindKey]
    here: frozenset[KindKey]
    """Those of `kinds` that are namespaced and served now."""
    namespaces: frozenset[str]
    since: Mapping[str, datetime]


class Kept(Generic[K, V]):
    """Values for a time of their own; the oldest go first."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._values: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """What is kept and not too old."""
        until, value = self._values.get(key, (float("-inf"), None))
        return value if self._clock() < until else None

    def put(self, key: K, value: V, seconds: float) -> V:
        """Keep it for so long."""
        self._values[key] = (self._clock() + seconds, value)
        self._values.move_to_end(key)
        if len(self._values) > self._most:
            self._values.popitem(last=False)
        return value


class Rights:
    """Reaches of users, by asking the cluster."""

    def __init__(
        self,
        reviews: Reviews,
        places: Callable[[], Awaitable[Places]],
        *,
        clusters: Sequence[str] = (),
        clock: Callable[[], float],
    ) -> None:
        """`clock` is monotonic, in seconds. `clusters`: whose history the rights are about; () = the only one."""
        self._reviews = reviews
        self._read_places = places
        self._clusters = frozenset(clusters)
        self._users: Kept[bytes, tuple[User | None]] = Kept(_USERS, clock)
        self._decisions: Kept[tuple[User, KindKey, str], bool] = Kept(_KEPT, clock)
        self._reaches: Kept[User, Reach] = Kept(_USERS, clock)
        self._places: Kept[None, Places] = Kept(1, clock)
        self._turns: dict[User, asyncio.Lock] = {}

    async def user(self, token: str) -> User | None:
        """Whose token this is. Raises LoginUnavailable."""
        digest = hashlib.sha256(token.encode()).digest()
        known = self._users.get(digest)
        if known is None:
            found = await self._reviews.user(token)
            known = self._users.put(digest, (found,), ALLOWED if found else REFUSED)
        return known[0]

    async def reach(self, user: User, token: str = "") -> Reach:
        """What they may see now; `token` is theirs, where the cluster takes it. Raises LoginUnavailable."""
        turn = self._turns.setdefault(user, asyncio.Lock())
        try:
            async with turn:
                known = self._reaches.get(user)
                return known or self._reaches.put(user, await self._found(user, token), REFUSED)
        finally:
            if not turn.locked():
                self._turns.pop(user, None)

    async def close(self) -> None:
        """Let go of connections."""
        await self._reviews.close()

    async def _found(self, user: User, token: str) -> Reach:
        places = self._places.get(None) or self._places.put(None, await self._read_places(), PLACES)
        clusters = self._clusters or (places.clusters if len(places.clusters) == 1 else frozenset())
        if not clusters:
            return NOTHING
        if await self._may(user, ("*", "*"), ""):
            return EVERYTHING if places.clusters <= clusters else _whole(clusters)
        wide = await self._allowed(user, [(kind, "") for kind in places.kinds])
        grants = [Grant(clusters=clusters, kinds=frozenset(kind for kind, _ in wide))] if wide else []
        rest = places.here - {kind for kind, _ in wide}
        narrow = await self._allowed(user, await self._worth_asking(token, rest, places.namespaces))
        return Reach(grants=(*grants, *_by_namespace(clusters, narrow, places.since)))

    async def _worth_asking(
        self, token: str, kinds: Iterable[KindKey], namespaces: Iterable[str]
    ) -> list[tuple[KindKey, str]]:
        spaces = sorted(namespaces)
        rules: Sequence[Sequence[Rule] | None] = [None] * len(spaces)
        if token:
            rules = await asyncio.gather(*(self._reviews.rules(token, each) for each in spaces))
        return [
            (kind, space)
            for space, found in zip(spaces, rules, strict=True)
            for kind in kinds
            if found is None or any(rule.may_list(*kind) for rule in found)
        ]

    async def _allowed(self, user: User, asked: Sequence[tuple[KindKey, str]]) -> list[tuple[KindKey, str]]:
        if len(asked) > _MOST:
            raise LoginUnavailable("Your rights are too many single ones to find out.")
        answers = await asyncio.gather(*(self._may(user, kind, space) for kind, space in asked))
        return [each for each, yes in zip(asked, answers, strict=True) if yes]

    async def _may(self, user: User, kind: KindKey, namespace: str) -> bool:
        key = (user, kind, namespace)
        known = self._decisions.get(key)
        if known is None:
            known = True
            for verb in ("list", "get") if kind in (SECRETS, ("*", "*")) else ("list",):
                known = known and await self._reviews.allowed(user, verb, *kind, namespace)
            self._decisions.put(key, known, ALLOWED if known else REFUSED)
        return known


def _whole(clusters: frozenset[str]) -> Reach:
    return Reach(grants=(Grant(clusters=clusters, secrets=True),))


def _by_namespace(
    clusters: frozenset[str], found: Sequence[tuple[KindKey, str]], since: Mapping[str, datetime]
) -> list[Grant]:
    """As few rectangles as there are different sets of kinds."""
    kinds: dict[str, set[KindKey]] = {}
    for kind, space in found:
        kinds.setdefault(space, set()).add(kind)
    alike: dict[tuple[frozenset[KindKey], datetime | None], set[str]] = {}
    for space, those in kinds.items():
        alike.setdefault((frozenset(those), since.get(space)), set()).add(space)
    return [
        Grant(clusters=clusters, kinds=those, namespaces=frozenset(spaces), since=begin)
        for (those, begin), spaces in alike.items()
    ]


def read_places(store: Store, clusters: Sequence[str] = ()) -> Places:
    """What is recorded, of these clusters or all; blocks."""
    known = store.rows("SELECT DISTINCT cluster FROM kinds UNION DISTINCT SELECT DISTINCT cluster FROM coverage")
    kinds = store.rows(
        "SELECT resource, `group`, argMax(namespaced, since), argMax(watching, since) FROM kinds "
        "GROUP BY resource, `group`"
    )
    objects = store.rows("SELECT DISTINCT resource, `group` FROM objects")
    lives = store.rows(
        "SELECT name, count(), max(first.ts), countIf(last.op != 'delete') FROM objects FINAL "
        "WHERE resource = 'namespaces' AND `group` = '' AND "
        "(empty({clusters:Array(String)}) OR has({clusters:Array(String)}, cluster)) GROUP BY name",
        {"clusters": list(clusters)},
    )
    spaces = {row[0] for row in store.rows("SELECT DISTINCT namespace FROM objects WHERE namespace != ''")}
    return Places(
        clusters=frozenset(row[0] for row in known),
        kinds=frozenset({(row[0], row[1]) for row in (*kinds, *objects)}),
        here=frozenset((row[0], row[1]) for row in kinds if row[2] and row[3] != "gone"),
        # Where Namespaces themselves are not recorded the cluster alone knows which are there.
        namespaces=frozenset(row[0] for row in lives if row[3]) if lives else frozenset(spaces),
        since={row[0]: row[2] for row in lives if row[1] > 1 and row[3]},
    )

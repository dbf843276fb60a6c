"""What follows from a cluster's answers: which kinds where, for how long, and nothing when it does not answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from kubelapse.auth.reviews import Rule, User
from kubelapse.auth.rights import Places, Rights
from query.access import EVERYTHING, NOTHING
from query.callers import LoginUnavailable
from tests.fakes.history import at

PODS, SECRETS, NODES, GONE = ("pods", ""), ("secrets", ""), ("nodes", ""), ("old", "example.org")
ANN = User(name="ann", groups=("devs",))
WORLD = Places(
    clusters=frozenset({"lab"}),
    kinds=frozenset({PODS, SECRETS, NODES, GONE}),
    here=frozenset({PODS, SECRETS}),
    namespaces=frozenset({"a", "b"}),
    since={},
)


@dataclass
class FakeReviews:
    """Allows (verb, resource, namespace); counts what it is asked."""

    may: set[tuple[str, str, str]]
    listed: Sequence[Rule] | None = None
    away: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    tokens: int = 0

    async def user(self, token: str) -> User | None:
        self.tokens += 1
        self._there()
        return ANN if token == "ann" else None

    async def allowed(self, user: User, verb: str, resource: str, group: str, namespace: str) -> bool:
        self._there()
        self.asked.append((verb, resource, namespace))
        return user == ANN and group != "?" and (verb, resource, namespace) in self.may

    async def rules(self, token: str, namespace: str) -> Sequence[Rule] | None:
        return self.listed if token and namespace else None

    async def close(self) -> None:
        """Nothing is held."""

    def _there(self) -> None:
        if self.away:
            raise LoginUnavailable("away")


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def rights(reviews: FakeReviews, clock: Clock, places: Places = WORLD, clusters: Sequence[str] = ()) -> Rights:
    async def read() -> Places:
        return places

    return Rights(reviews, read, clusters=clusters, clock=clock)


async def test_a_right_in_one_namespace_shows_that_kind_there_and_nothing_else() -> None:
    found = await rights(FakeReviews({("list", "pods", "a")}), Clock()).reach(ANN)
    seen = [(kind, space) for kind in (PODS, SECRETS, NODES, GONE) for space in ("a", "b", "dead", "") if
            found.allows("lab", kind, space)]  # fmt: skip
    assert seen == [(PODS, "a")]
    assert not found.allows("other", PODS, "a")


async def test_secrets_need_get_beside_list() -> None:
    lists = {("list", "secrets", "a")}
    assert not (await rights(FakeReviews(lists), Clock()).reach(ANN)).allows("lab", SECRETS, "a")
    both = lists | {("get", "secrets", "a")}
    assert (await rights(FakeReviews(both), Clock()).reach(ANN)).allows("lab", SECRETS, "a")


async def test_what_has_ended_needs_the_right_to_list_it_everywhere() -> None:
    local = FakeReviews({("list", "old", "a"), ("list", "pods", "dead")})
    found = await rights(local, Clock()).reach(ANN)
    assert not found.allows("lab", GONE, "a")
    assert not found.allows("lab", PODS, "dead")
    wide = await rights(FakeReviews({("list", "old", ""), ("list", "pods", "")}), Clock()).reach(ANN)
    assert wide.allows("lab", GONE, "a")
    assert wide.allows("lab", PODS, "dead")


async def test_a_namespace_that_was_made_anew_is_seen_from_then_on() -> None:
    places = replace(WORLD, since={"a": at(500)})
    found = await rights(FakeReviews({("list", "pods", "a"), ("list", "pods", "b")}), Clock(), places).reach(ANN)
    assert {(each.namespaces, each.since) for each in found.grants} == {
        (frozenset({"a"}), at(500)),
        (frozenset({"b"}), None),
    }


async def test_who_may_list_everything_sees_everything_of_that_cluster() -> None:
    reviews = FakeReviews({("list", "*", ""), ("get", "*", "")})
    assert await rights(reviews, Clock()).reach(ANN) == EVERYTHING
    two = replace(WORLD, clusters=frozenset({"lab", "other"}))
    found = await rights(reviews, Clock(), two, ["lab"]).reach(ANN)
    assert found.allows("lab", SECRETS, "dead")
    assert not found.allows("other", PODS, "a")
    assert await rights(reviews, Clock(), two).reach(ANN) == NOTHING


async def test_allowed_is_kept_for_a_minute_and_refused_for_ten_seconds() -> None:
    reviews, clock = FakeReviews({("list", "pods", "")}), Clock()
    asking = rights(reviews, clock)
    await asking.reach(ANN)
    reviews.asked.clear()
    clock.now = 9.0
    await asking.reach(ANN)
    assert reviews.asked == []
    clock.now = 11.0
    await asking.reach(ANN)
    assert ("list", "pods", "") not in reviews.asked
    assert ("list", "nodes", "") in reviews.asked
    reviews.may.clear()
    clock.now = 61.0
    assert not (await asking.reach(ANN)).allows("lab", PODS, "a")


async def test_a_token_is_asked_about_once_a_minute() -> None:
    reviews, clock = FakeReviews(set()), Clock()
    asking = rights(reviews, clock)
    for clock.now in (0.0, 30.0, 59.0, 61.0):
        assert await asking.user("ann") == ANN
    assert reviews.tokens == 2


async def test_a_cluster_that_is_away_lets_nobody_in_and_is_not_remembered() -> None:
    reviews = FakeReviews({("list", "pods", "a")}, away=True)
    asking = rights(reviews, Clock())
    with pytest.raises(LoginUnavailable):
        await asking.user("ann")
    with pytest.raises(LoginUnavailable):
        await asking.reach(ANN)
    reviews.away = False
    assert (await asking.reach(ANN)).allows("lab", PODS, "a")


async def test_rules_that_list_nothing_save_questions() -> None:
    none, all_of_it = FakeReviews(set(), listed=()), FakeReviews(set(), listed=None)
    for reviews in (none, all_of_it):
        await rights(reviews, Clock()).reach(ANN, "token")
    assert not [each for each in none.asked if each[2]]
    assert [each for each in all_of_it.asked if each[2]]


@pytest.mark.parametrize(
    ("rule", "yes"),
    [
        (Rule(verbs=("list",), api_groups=("",), resources=("pods",)), True),
        (Rule(verbs=("*",), api_groups=("*",), resources=("*",)), True),
        (Rule(verbs=("get",), api_groups=("",), resources=("pods",)), False),
        (Rule(verbs=("list",), api_groups=("apps",), resources=("pods",)), False),
        (Rule(verbs=("list",), api_groups=("",), resources=("pods",), resource_names=("one",)), False),
    ],
)
def test_a_rule_says_whether_a_kind_is_worth_asking_about(rule: Rule, yes: bool) -> None:
    assert rule.may_list(*PODS) is yes

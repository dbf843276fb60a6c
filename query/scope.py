"""Which part of the history is asked for: filters as data, and the one place where they become SQL conditions.

Values travel as server-side parameters. Every condition is written against the columns that `events`, `changes` and
`objects` share, so that the same `Scope` asks all three. Conditions on a key prefix come first and are plain equality
where one value is asked for: that is what the tables are sorted by.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from query.errors import BadReference
from query.noise_rules import NONE, NoiseRules
from query.selectors import Selector

ANY_NAMESPACE = ""
CLUSTER_SCOPE = "_"
"""How a URL spells "no namespace"."""

_PATH_CHARS = 1000

CLASSES = ("status", "metadata", "create", "spec", "rollout", "delete")
"""Of a change: the highest that applies, as table `marks` holds it."""

_CLASS = """multiIf(op = 'add', 2, op = 'delete', 5,
    resource IN ('deployments', 'statefulsets', 'daemonsets', 'rollouts')
        AND arrayExists(p -> startsWith(p, 'spec.template'), paths), 4,
    arrayExists(p -> NOT startsWith(p, 'status') AND NOT startsWith(p, 'metadata'), paths), 3,
    arrayExists(p -> startsWith(p, 'metadata') AND p != 'metadata.generation', paths), 1, 0)"""

_WORD = re.compile(r"/(?P<regex>(?:\\.|[^/\\])+)/(?P<flags>i?)(?=\s|$)|(?P<plain>\S+)")
_TEXT_CHARS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Objects: empty means all. `namespaces` may hold `_` for cluster-scoped ones; `name` may hold `*`."""

    clusters: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    kinds: tuple[tuple[str, str], ...] = ()
    name: str = ""
    selector: Selector | None = None

    def conditions(self, params: dict[str, object]) -> list[str]:
        """SQL conditions on identity; the selector is not among them, it needs the state."""
        found = []
        if self.clusters:
            found.append(one_of("cluster", self.clusters, params, "cluster"))
        if self.namespaces:
            spelled = ["" if each == CLUSTER_SCOPE else each for each in self.namespaces]
            found.append(one_of("namespace", spelled, params, "namespace"))
        if self.kinds:
            found.append(_any_kind(self.kinds, params))
        if self.name:
            found.append(_like("name", self.name, params, "name"))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFilter:
    """Which changes of these objects, at one of these paths. `noise`, `first_sight`: whether such changes are shown."""

    scope: Scope = field(default_factory=Scope)
    paths: tuple[str, ...] = ()
    by: str = ""
    text: str = ""
    classes: tuple[str, ...] = ()
    noise: bool = False
    first_sight: bool = False
    rules: NoiseRules = NONE

    def conditions(self, params: dict[str, object]) -> list[str]:
        """SQL conditions, without what only hides (see `shown`)."""
        found = self.scope.conditions(params)
        if self.paths:
            either = [_path(each, params, f"path{n}") for n, each in enumerate(self.paths)]
            found.append(f"arrayExists(p -> {' OR '.join(either)}, paths)")
        if self.by:
            name = _like("actor_name", self.by, params, "by")
            manager = _like("toString(m)", self.by, params, "by")
            found.append(f"({name} OR arrayExists(m -> {manager}, managers))")
        found.extend(_text(each, params, f"text{n}") for n, each in enumerate(_words(self.text)))
        if self.classes:
            codes = ", ".join(str(_class_code(each)) for each in self.classes)
            found.append(f"({_CLASS}) IN ({codes})")
        return found

    def shown(self, params: dict[str, object] | None = None) -> list[str]:
        """The conditions that hide: noise, and first sights, which are no changes. Without `params`: as recorded."""
        quiet = [] if self.noise else [f"NOT {self.is_noise(params)}"]
        return quiet + ([] if self.first_sight else ["origin != 'list'"])

    def is_noise(self, params: dict[str, object] | None = None) -> str:
        """Whether a row is noise: by its recorded class, or by the operator's rules; those need paths and managers."""
        return f"({self.rules.hides(params)})" if params is not None else "(noise != '')"

    def hidden_counts(self, params: dict[str, object] | None = None) -> str:
        """Two aggregates: hidden as noise, hidden as first sight. A change is counted once."""
        # Aggregates in any case: a constant would come once per row, and not at all where there is none.
        noise = "countIf(0)" if self.noise else f"countIf({self.is_noise(params)})"
        visible = "" if self.noise else f" AND NOT {self.is_noise(params)}"
        sights = "countIf(0)" if self.first_sight else f"countIf(origin = 'list'{visible})"
        return f"toInt64({noise}), toInt64({sights})"


def window(params: dict[str, object], after: datetime | None, until: datetime | None) -> list[str]:
    """The half-open window (after, until] on `ts`."""
    found = []
    if after is not None:
        params["after"] = after
        found.append("ts > {after:DateTime64(6, 'UTC')}")
    if until is not None:
        params["until"] = until
        found.append("ts <= {until:DateTime64(6, 'UTC')}")
    return found


def where(conditions: Sequence[str]) -> str:
    """A WHERE clause of all of them, or nothing."""
    return "WHERE " + " AND ".join(conditions) if conditions else ""


def one_of(column: str, values: Sequence[str], params: dict[str, object], name: str) -> str:
    """`column` is one of these values."""
    params.update({f"{name}{n}": value for n, value in enumerate(values)})
    listed = [f"{{{name}{n}:String}}" for n in range(len(values))]
    return f"{column} = {listed[0]}" if len(listed) == 1 else f"{column} IN ({', '.join(listed)})"


def _any_kind(kinds: Sequence[tuple[str, str]], params: dict[str, object]) -> str:
    either = []
    for n, (resource, group) in enumerate(kinds):
        params.update({f"resource{n}": resource, f"group{n}": group})
        either.append(f"resource = {{resource{n}:String}} AND `group` = {{group{n}:String}}")
    return either[0] if len(either) == 1 else "(" + " OR ".join(f"({each})" for each in either) + ")"


def _like(column: str, pattern: str, params: dict[str, object], name: str) -> str:
    """Equality, or a match where the pattern holds `*`."""
    if "*" not in pattern:
        params[name] = pattern
        return f"{column} = {{{name}:String}}"
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    params[name] = escaped.replace("*", "%")
    return f"{column} LIKE {{{name}:String}}"


def _path(path: str, params: dict[str, object], name: str) -> str:
    """`p` is the path itself or anything below it; a leading dot, as kubectl writes it, says nothing."""
    wanted = path.strip().lstrip(".").rstrip(".")
    if not wanted or len(wanted) > _PATH_CHARS:
        raise BadReference(
            f"{path[:80]!r} is not a path.", "Write it like spec.replicas or spec.containers[name=web].image."
        )
    params[name] = wanted
    below = " OR ".join(f"startsWith(p, concat({{{name}:String}}, '{end}'))" for end in (".", "["))
    return f"p = {{{name}:String}} OR {below}"


def _words(text: str) -> list[str]:
    """Plain words and /regular expressions/: every one of them must be found."""
    if len(text) > _TEXT_CHARS:
        raise BadReference(f"The text is {len(text)} characters long.", f"Search for at most {_TEXT_CHARS}.")
    return [found[0] for found in _WORD.finditer(text)]


def _text(word: str, params: dict[str, object], name: str) -> str:
    """Somewhere in the object's name, its namespace, the actor's name or a changed path."""
    found = _WORD.fullmatch(word)
    assert found is not None  # it came from `_words`
    if (pattern := found["regex"]) is not None:
        try:
            re.compile(pattern)
        except re.error as error:
            raise BadReference(
                f"{word[:80]!r} is not a regular expression: {error}.", "Write it like /^web-/."
            ) from error
        params[name] = f"(?i){pattern}" if found["flags"] else pattern
        test = f"match(toString({{}}), {{{{{name}:String}}}})"
    else:
        params[name] = word
        test = f"positionCaseInsensitiveUTF8(toString({{}}), {{{{{name}:String}}}}) > 0"
    either = [test.format(column) for column in ("name", "namespace", "actor_name")]
    return f"({' OR '.join(either)} OR arrayExists(p -> {test.format('p')}, paths))"


def _class_code(name: str) -> int:
    if name not in CLASSES:
        raise BadReference(f"{name[:40]!r} is no class of changes.", f"There are {', '.join(CLASSES)}.")
    return CLASSES.index(name)

"""How people name kinds and objects, resolved against what discovery recorded.

TYPE is the plural, singular, short name or kind, plain or as `TYPE.GROUP` or `TYPE.VERSION.GROUP`; case matters to
nobody. As in kubectl a plural wins over a short name, and of several groups the core group comes first, then `apps`,
then the other built-in groups, then everything else by name.

In URLs an object is `/{cluster}/{resource.group}/{namespace}/{name}`, with `_` for a cluster-scoped one.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from query.errors import BadReference, UnknownKind
from query.scope import CLUSTER_SCOPE, one_of, where
from schema.events import FORBIDDEN_IN
from schema.objects import CLUSTER_NAME, kind_id
from schema.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKind:
    """One kind as discovery served it last, in one cluster."""

    cluster: str
    resource: str
    group: str
    version: str
    kind: str
    namespaced: bool
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    watching: str = "yes"
    reason: str = ""

    @property
    def id(self) -> str:
        """`resource.group`."""
        return kind_id(self.resource, self.group)

    @property
    def forbidden_in(self) -> tuple[str, ...]:
        """Captured namespaces in which a kind that is watched elsewhere may not be read."""
        told = self.watching == "yes" and self.reason.startswith(FORBIDDEN_IN)
        return tuple(self.reason.removeprefix(FORBIDDEN_IN).split(", ")) if told else ()

    @property
    def spellings(self) -> frozenset[str]:
        """Full names in lower case; short names are second choice and not among them."""
        return frozenset({self.resource.lower(), self.singular.lower(), self.kind.lower()} - {""})


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRef:
    """One object by name, in every life it had. `namespace` is "" for cluster-scoped ones."""

    cluster: str
    resource: str
    group: str
    namespace: str
    name: str

    @property
    def kind_id(self) -> str:
        """`resource.group`."""
        return kind_id(self.resource, self.group)

    @property
    def path(self) -> str:
        """As in URLs, without a leading slash."""
        return f"{self.cluster}/{self.kind_id}/{self.namespace or CLUSTER_SCOPE}/{self.name}"

    def __str__(self) -> str:
        """For sentences: `deployments.apps shop/web`."""
        return f"{self.kind_id} {self.namespace}/{self.name}" if self.namespace else f"{self.kind_id} {self.name}"


def known_kinds(store: Store, clusters: Sequence[str] = ()) -> list[KnownKind]:
    """Discovery as it was recorded last, of these clusters or of all."""
    params: dict[str, object] = {}
    conditions = [one_of("cluster", clusters, params, "cluster")] if clusters else []
    sql = f"""
        SELECT cluster, resource, `group`, version, kind, namespaced, singular, short_names, categories,
            watching, reason
        FROM kinds {where(conditions)}
        ORDER BY cluster, resource, `group`, since DESC LIMIT 1 BY cluster, resource, `group`"""
    return [_known(*row) for row in store.rows(sql, params)]


def resolve_kind(text: str, known: Iterable[KnownKind]) -> tuple[str, str]:
    """(resource, group) of a TYPE in any spelling. Raises UnknownKind with what was probably meant."""
    candidates = list(known)
    wanted = text.strip().lower()
    for spelled in (_full, _short):
        if found := [each for each in candidates if spelled(each, wanted)]:
            best = min(found, key=lambda each: (each.watching == "gone", *_preference(each.group), each.resource))
            return best.resource, best.group
    raise UnknownKind(f"No recorded cluster serves a type {text[:80]!r}.", _meant(wanted, candidates))


def resolve_kinds(text: str, known: Iterable[KnownKind]) -> tuple[tuple[str, str], ...]:
    """Several TYPEs joined by commas, or a category such as `all`."""
    candidates = list(known)
    found: list[tuple[str, str]] = []
    for part in filter(None, text.split(",")):
        members = [(each.resource, each.group) for each in candidates if part.lower() in each.categories]
        found.extend(members or [resolve_kind(part, candidates)])
    return tuple(dict.fromkeys(found))


def parse_words(words: Sequence[str]) -> list[tuple[str, str]]:
    """`TYPE/NAME …`, `TYPE NAME …` → (TYPE, NAME) pairs, as kubectl reads them. Raises BadReference."""
    if not words:
        raise BadReference("No object is named.", "Name one like deploy/web or deploy web.")
    if any("/" in word for word in words):
        pairs = [word.split("/") for word in words]
        if not all(len(pair) == 2 and pair[0] and pair[1] for pair in pairs):
            raise BadReference(
                f"{' '.join(words)!r} mixes TYPE/NAME with other forms.", "Write TYPE/NAME, or TYPE NAME."
            )
        return [(kind, name) for kind, name in pairs]
    if len(words) == 1:
        raise BadReference(f"{words[0]!r} is a type without a name.", f"Name an object: {words[0]}/NAME.")
    return [(words[0], name) for name in words[1:]]


def object_ref(cluster: str, kind: tuple[str, str], namespace: str, name: str) -> ObjectRef:
    """From the parts of a URL. Raises BadReference for what cannot name an object."""
    if not CLUSTER_NAME.fullmatch(cluster):
        raise BadReference(f"{cluster[:100]!r} is not a cluster name.", "Cluster names match [A-Za-z0-9._@-]{1,100}.")
    if not name or len(name) > 512:
        raise BadReference("The name of the object is missing or too long.", "Name it like deploy/web.")
    bare = "" if namespace == CLUSTER_SCOPE else namespace
    return ObjectRef(cluster=cluster, resource=kind[0], group=kind[1], namespace=bare, name=name)


def _known(*row: object) -> KnownKind:
    cluster, resource, group, version, kind, namespaced, singular, shorts, categories, watching, reason = row
    return KnownKind(
        cluster=str(cluster),
        resource=str(resource),
        group=str(group),
        version=str(version),
        kind=str(kind),
        namespaced=bool(namespaced),
        singular=str(singular),
        short_names=_strings(shorts),
        categories=_strings(categories),
        watching=str(watching),
        reason=str(reason),
    )


def _strings(value: object) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, Iterable) else ()


def _full(each: KnownKind, wanted: str) -> bool:
    return _qualified(each, wanted, each.spellings)


def _short(each: KnownKind, wanted: str) -> bool:
    return _qualified(each, wanted, frozenset(name.lower() for name in each.short_names))


def _qualified(each: KnownKind, wanted: str, names: frozenset[str]) -> bool:
    """TYPE, TYPE.GROUP, TYPE.VERSION.GROUP; `pods.v1.` is the core group with its version."""
    if wanted in names:
        return True
    name, _, rest = wanted.partition(".")
    if name not in names or not rest:
        return False
    group = each.group.lower()
    return rest in (group, f"{each.version.lower()}.{group}") or (bool(group) and group.startswith(f"{rest}."))


def _preference(group: str) -> tuple[int, str]:
    """Lower is meant first."""
    if group in ("", "apps"):
        return (0 if group == "" else 1), group
    return (2 if "." not in group else 3 if group.endswith(".k8s.io") else 4), group


def _meant(wanted: str, known: Sequence[KnownKind]) -> str:
    if not known:
        return "Nothing has been recorded yet; start with `kubelapse up`."
    spellings = sorted({name for each in known for name in (*each.spellings, *each.short_names, each.id)})
    if close := difflib.get_close_matches(wanted, spellings, n=3, cutoff=0.6):
        return f"Did you mean {' or '.join(close)}?"
    return "GET /api/v1/kinds lists every known type."

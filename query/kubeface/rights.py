"""What a caller may ask of the face, in an API server's terms: Forbidden, and the reviews of oneself.

A client must be able to tell "there are none" from "you may not look", so what is outside of the caller's rights is
refused, as an API server does: a whole collection when they may not read all of it, never a part that looks whole.
The refusal follows from the rights and the question alone. What is there plays no part in it, so it is the same for
what exists and for what never did. Nobody can be impersonated.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from query.access import EVENTS, KindKey, Reach
from query.kubeface.statuses import Refusal
from query.refs import KnownKind
from schema.canonical import Json, JsonObject

READ = ("get", "list", "watch")
REVIEWS = (
    ("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
    ("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
)
_READ_ONLY = "history is read-only"
_NOBODY = "reader of history"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who asks about one cluster. `name`: "" where nobody signs in."""

    name: str
    reach: Reach
    cluster: str

    @property
    def spoken(self) -> str:
        """The name, or a word for who has none."""
        return self.name or _NOBODY

    def may(self, kind: KnownKind, namespace: str) -> bool:
        """Whether they may read the kind in this namespace; "": in all of them, or where it has none."""
        keys = EVENTS if (kind.resource, kind.group) in EVENTS else frozenset({(kind.resource, kind.group)})
        return any(self._may(key, kind, namespace) for key in keys)

    def _may(self, key: KindKey, kind: KnownKind, namespace: str) -> bool:
        if kind.namespaced and not namespace:
            return self.reach.allows_all(self.cluster, key)
        return self.reach.allows(self.cluster, key, namespace)

    def check(self, kind: KnownKind, verb: str, namespace: str, name: str = "") -> None:
        """Raises Refusal, in the words of an API server (apiserver pkg/endpoints/handlers/responsewriters)."""
        if self.may(kind, namespace):
            return
        which = f'{kind.id} "{name[:253]}" is' if name else f"{kind.id} is"
        where = f'in the namespace "{namespace[:253]}"' if namespace else "at the cluster scope"
        message = (
            f'{which} forbidden: User "{self.spoken}" cannot {verb} resource "{kind.resource}" '
            f'in API group "{kind.group}" {where}'
        )
        details: JsonObject = {"name": name[:253], "group": kind.group, "kind": kind.resource}
        raise Refusal("Forbidden", message, details={key: value for key, value in details.items() if value})


def refuse_impersonation(headers: Iterable[str], reader: str) -> None:
    """Raises Refusal: what would be shown are the caller's own rights, which is not what was asked for."""
    if any(each.lower().startswith("impersonate-") for each in headers):
        who = reader or _NOBODY
        raise Refusal("Forbidden", f'User "{who}" cannot impersonate anybody: history is read with one\'s own rights')


def verb(method: str, *, name: str, watch: bool) -> str:
    """As RBAC calls it."""
    if method in ("GET", "HEAD"):
        return "get" if name else "watch" if watch else "list"
    return {"POST": "create", "PUT": "update", "PATCH": "patch"}.get(method, "delete")


def reviewed(group: str, resource: str, body: JsonObject, kinds: Iterable[KnownKind], reader: Reader) -> JsonObject:
    """The answer to a question about oneself."""
    spec = body.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    kind = next(name for of, named, name in REVIEWS if (of, named) == (group, resource))
    answer: JsonObject = {"kind": kind, "apiVersion": f"{group}/v1", "metadata": {}, "spec": spec}
    if kind == "SelfSubjectReview":
        return {**answer, "status": {"userInfo": {"username": reader.spoken, "groups": []}}}
    if kind == "SelfSubjectRulesReview":
        namespace = str(spec.get("namespace") or "")
        return {**answer, "status": _rules([each for each in kinds if each.watching == "yes"], reader, namespace)}
    return {**answer, "status": _access(spec, list(kinds), reader)}


def _rules(kinds: list[KnownKind], reader: Reader, namespace: str) -> JsonObject:
    open_paths: JsonObject = {"verbs": ["get"], "nonResourceURLs": ["*"]}
    if reader.reach.everything:
        whole: JsonObject = {"verbs": list(READ), "apiGroups": ["*"], "resources": ["*"]}
        return {"resourceRules": [whole], "nonResourceRules": [open_paths], "incomplete": False}
    groups: dict[str, list[Json]] = {}
    for each in kinds:
        if reader.may(each, namespace if each.namespaced else ""):
            groups.setdefault(each.group, []).append(each.resource)
    rules: list[Json] = [
        {"verbs": list(READ), "apiGroups": [group], "resources": resources} for group, resources in groups.items()
    ]
    return {"resourceRules": rules, "nonResourceRules": [open_paths], "incomplete": False}


def _access(spec: JsonObject, kinds: list[KnownKind], reader: Reader) -> JsonObject:
    wanted = spec.get("resourceAttributes")
    if not isinstance(wanted, dict):
        asked = spec.get("nonResourceAttributes")
        return {"allowed": isinstance(asked, dict) and asked.get("verb") in ("get", "GET")}
    if wanted.get("verb") not in READ or wanted.get("subresource"):
        return {"allowed": False, "reason": _READ_ONLY}
    if wanted.get("resource") == "*":
        return {"allowed": reader.reach.everything}
    return _of_kind(wanted, kinds, reader)


def _of_kind(wanted: Mapping[str, Json], kinds: list[KnownKind], reader: Reader) -> JsonObject:
    named = (str(wanted.get("group") or ""), wanted.get("resource"))
    kind = next((each for each in kinds if (each.group, each.resource) == named and each.watching == "yes"), None)
    if kind is None:
        return {"allowed": False, "reason": "this kind is not recorded"}
    # kubectl sends the namespace it stands in also for kinds that have none.
    allowed = reader.may(kind, str(wanted.get("namespace") or "") if kind.namespaced else "")
    return {"allowed": allowed, **({} if allowed else {"reason": "your rights do not reach there"})}

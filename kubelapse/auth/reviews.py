"""The door to a cluster's own answers about who somebody is and what they may do: TokenReview, SubjectAccessReview.

    authentication.k8s.io/v1 TokenReview             whose token is this?
    authorization.k8s.io/v1  SubjectAccessReview     may this user, with these groups, list that kind there?
    authorization.k8s.io/v1  SelfSubjectRulesReview  with the caller's own token: which kinds are worth asking about?

The server itself needs the ClusterRole `system:auth-delegator` and nothing else. The last of the three may leave things
out, so it only saves questions and never decides. Whatever goes wrong is LoginUnavailable: nobody gets in by an outage.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import aiohttp
import msgspec

from collector.errors import CredentialsError
from collector.kubeapi import Access
from query.callers import LoginUnavailable

_TIME: Final = aiohttp.ClientTimeout(total=10.0, sock_connect=5.0)
_AT_ONCE: Final = 32
_BYTES: Final = 4 << 20
_NO_DELEGATOR: Final = (
    "This server may not ask the cluster who may do what: give it the ClusterRole system:auth-delegator."
)
_AWAY: Final = "The cluster that knows who may see what does not answer."


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """As Kubernetes knows them. `extra`: what an authenticator said besides, for the authorizers."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Rule(msgspec.Struct, frozen=True, rename="camel"):
    """One rule of a SelfSubjectRulesReview."""

    verbs: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()

    def may_list(self, resource: str, group: str) -> bool:
        """Whether it lets somebody list this kind."""
        return (
            not self.resource_names
            and not {"list", "*"}.isdisjoint(self.verbs)
            and not {group, "*"}.isdisjoint(self.api_groups)
            and not {resource, "*"}.isdisjoint(self.resources)
        )


class Reviews(Protocol):
    """What `kubelapse.auth.rights` asks; every method raises LoginUnavailable."""

    async def user(self, token: str) -> User | None:
        """Whose token this is; None for a token that is nobody's."""
        ...

    async def allowed(self, user: User, verb: str, resource: str, group: str, namespace: str) -> bool:
        """Whether they may do this; `namespace` "" means in all of them."""
        ...

    async def rules(self, token: str, namespace: str) -> Sequence[Rule] | None:
        """The rules that hold for the bearer in this namespace; None when they cannot be listed."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class _User(msgspec.Struct):
    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] | None = None
    extra: dict[str, tuple[str, ...]] | None = None


class _Status(msgspec.Struct, rename="camel"):
    authenticated: bool = False
    user: _User | None = None
    audiences: tuple[str, ...] | None = None
    allowed: bool = False
    denied: bool = False
    error: str = ""
    evaluation_error: str = ""
    incomplete: bool = False
    resource_rules: tuple[Rule, ...] | None = None


class _Review(msgspec.Struct):
    status: _Status = msgspec.field(default_factory=_Status)


_DECODER: Final = msgspec.json.Decoder(_Review)
_AUTHENTICATION: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
_AUTHORIZATION: Final = "/apis/authorization.k8s.io/v1"


class ClusterReviews:
    """`Reviews` over HTTP."""

    def __init__(self, access: Access, *, audiences: Sequence[str] = (), user_agent: str = "kubelapse") -> None:
        """`audiences`: tokens must be meant for one of them; without any, for the API server."""
        self._access = access
        self._audiences = tuple(audiences)
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def user(self, token: str) -> User | None:
        """Whose token this is."""
        status = await self._ask(_AUTHENTICATION, {"token": token, "audiences": list(self._audiences)})
        if not status.authenticated or status.user is None or not status.user.username:
            return None
        # An authenticator that knows nothing of audiences leaves them out: such a token is not meant for us.
        if self._audiences and set(self._audiences).isdisjoint(status.audiences or ()):
            return None
        extra = tuple(sorted((status.user.extra or {}).items()))
        groups = tuple(sorted(status.user.groups or ()))
        return User(name=status.user.username, uid=status.user.uid, groups=groups, extra=extra)

    async def allowed(self, user: User, verb: str, resource: str, group: str, namespace: str) -> bool:
        """Whether they may do this."""
        spec = {
            "user": user.name,
            "uid": user.uid,
            "groups": list(user.groups),
            "extra": {name: list(values) for name, values in user.extra},
            "resourceAttributes": {"verb": verb, "resource": resource, "group": group, "namespace": namespace},
        }
        status = await self._ask(f"{_AUTHORIZATION}/subjectaccessreviews", spec)
        return status.allowed and not status.denied

    async def rules(self, token: str, namespace: str) -> Sequence[Rule] | None:
        """The rules of the bearer, when the server lists all of them."""
        try:
            status = await self._ask(f"{_AUTHORIZATION}/selfsubjectrulesreviews", {"namespace": namespace}, as_=token)
        except LoginUnavailable:
            return None
        return None if status.incomplete or status.evaluation_error else status.resource_rules or ()

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()

    async def _ask(self, path: str, spec: Mapping[str, object], *, as_: str = "") -> _Status:
        body = msgspec.json.encode({"spec": spec})
        for another in (False, True):
            status, answer = await self._post(path, body, as_)
            if status in (200, 201):
                try:
                    return _DECODER.decode(answer).status
                except msgspec.MsgspecError:
                    raise LoginUnavailable("The cluster gave an answer about rights that cannot be read.") from None
            if status == 401 and not as_ and not another and await self._refreshed():
                continue
            if status == 403 and not as_:
                raise LoginUnavailable(_NO_DELEGATOR)
            break
        raise LoginUnavailable(_AWAY)

    async def _post(self, path: str, body: bytes, as_: str) -> tuple[int, bytes]:
        try:
            async with self._turn:
                own = {"Authorization": f"Bearer {as_}"} if as_ else await self._access.headers()
                headers = {"Content-Type": "application/json", "User-Agent": self._user_agent, **own}
                async with self._opened().post(
                    self._access.server + path,
                    data=body,
                    headers=headers,
                    proxy=self._access.proxy or None,
                    server_hostname=self._access.tls_name or None,
                    allow_redirects=False,
                ) as answer:
                    return answer.status, await answer.content.read(_BYTES)
        except (aiohttp.ClientError, OSError, TimeoutError, CredentialsError) as error:
            raise LoginUnavailable(_AWAY) from error

    async def _refreshed(self) -> bool:
        with contextlib.suppress(CredentialsError):
            return await self._access.refresh()
        return False

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=self._access.connector(), timeout=_TIME, auto_decompress=True
            )
        return self._session

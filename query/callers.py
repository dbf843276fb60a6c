"""Who may ask: what the composition offers (`kubelapse.auth`), as answers know it. No HTTP here."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from query.access import Reach

Why = Literal["refused", "expired", "strange", "unavailable"]
"""Why a sign-in ended: the provider or we say no; it took too long; its proof does not hold; nobody could be asked."""


class LoginUnavailable(Exception):
    """It cannot be said now who this is or what they may see; one sentence without secrets."""


class SignInRefused(Exception):
    """Somebody is not let in; one sentence without secrets, for the log, and a word for the page."""

    def __init__(self, sentence: str, why: Why = "refused") -> None:
        super().__init__(sentence)
        self.why: Why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who has shown who they are. `metrics`: may read /metrics although they do not see everything."""

    name: str
    reach: Reach
    metrics: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a session lives on: a token that `Logins.admit` knows, and, where the provider gave one, how to renew it."""

    token: str = field(repr=False)
    refresh: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A browser that was sent to the provider: where to, and what must come back with it."""

    url: str
    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class Provider(Protocol):
    """An OpenID provider that people sign in with."""

    @property
    def name(self) -> str:
        """For people: its host."""
        ...

    async def begin(self, callback: str) -> Begun:
        """`callback`: the address to which the provider sends the browser back. Raises LoginUnavailable."""
        ...

    async def finish(self, begun: Begun, callback: str, code: str, issuer: str) -> Grant:
        """What the code stands for; `issuer`: as the provider named itself beside it, "" when it did not.

        Raises SignInRefused, LoginUnavailable.
        """
        ...

    async def renew(self, grant: Grant) -> Grant | None:
        """A grant whose token holds longer; None when there is none. Raises LoginUnavailable."""
        ...


class Logins(Protocol):
    """Who a token stands for."""

    @property
    def provider(self) -> Provider | None:
        """With whom people sign in by a browser; None: only tokens are shown."""
        ...

    async def admit(self, token: str) -> Caller | None:
        """The caller with what they may see now; None for a token that means nobody. Raises LoginUnavailable."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...

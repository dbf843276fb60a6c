"""Callers for tests: a token stands for whom it was given to."""

from query.access import Grant, Reach
from query.callers import Caller, LoginUnavailable, Provider


class FakeLogins:
    """`query.login.Logins` from a dictionary; `away`: nobody can be asked."""

    def __init__(self, **callers: Reach) -> None:
        self.provider: Provider | None = None
        self.callers = callers
        self.away = False

    async def admit(self, token: str) -> Caller | None:
        """The token is the caller's name."""
        if self.away:
            raise LoginUnavailable("The API server does not answer.")
        reach = self.callers.get(token)
        return None if reach is None else Caller(name=token, reach=reach)

    async def close(self) -> None:
        """Nothing is held."""


def within(cluster: str, *namespaces: str) -> Reach:
    """All kinds of these namespaces, less Secrets."""
    return Reach(grants=(Grant(clusters=frozenset({cluster}), namespaces=frozenset(namespaces)),))

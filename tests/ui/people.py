"""A history of two namespaces, and somebody who may read one of them, with a provider of identities to sign in with."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from kubelapse.auth.codeflow import CodeFlow
from kubelapse.auth.discovery import Discovery
from kubelapse.auth.oidc import Issuer
from query.access import EVERYTHING, Reach
from query.callers import Caller
from schema.canonical import JsonObject
from schema.chdb import ChdbStore
from schema.migrate import migrate
from tests.fakes.history import KINDS as USUAL
from tests.fakes.history import History, kind_info
from tests.fakes.logins import FakeLogins, within
from tests.fakes.provider import Provider, provided
from tests.ui.inside import Inside
from tests.ui.views import address

HIDDEN: Final = "canary-7f3a"
"""Stands in every name and value that ann may not see."""
BOSS: Final = "token-of-the-boss"
SPAN: Final = {"from": "2026-03-01T11:59:00Z", "to": "2026-03-01T12:10:00Z", "live": "off"}
WEB: Final = "lab/a/deployments.apps/web"
BEES: Final = f"lab/bees/deployments.apps/{HIDDEN}-web"
PAGES: Final[Mapping[str, Mapping[str, str]]] = {
    "": {}, "timeline": {}, "changes": {}, "object": {"of": WEB}, "compare": {"ns": "a"}, "drift": {}, "rollouts": {},
    "coverage": {}, "search": {"value": "web:1"}, "sql": {"sql": "SELECT namespace, name FROM history"}, "noise": {},
}  # fmt: skip


def addresses() -> dict[str, str]:
    """Every page, with something to see on it, and an object that may not be seen."""
    found = {page or "home": address(page, {**SPAN, **asked}) for page, asked in PAGES.items()}
    return {**found, "hidden": address("object", {**SPAN, "of": BEES})}


class People(FakeLogins):
    """ann signs in with the provider and may read namespace a; the boss shows a token."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(**{"oidc:ann": within("lab", "a"), BOSS: EVERYTHING, "idle": Reach()})
        discovery = Discovery(provider.issuer, clock=time.monotonic)
        self.issuer = Issuer(discovery, audience="kubelapse", user="sub", groups="groups", prefix="oidc:")
        self.provider = CodeFlow(discovery, self.issuer, client="kubelapse", secret=provider.secret)

    async def admit(self, token: str) -> Caller | None:
        user = await self.issuer.user(token) if self.issuer.issued(token) else None
        return await super().admit(user.name if user else token)


def told() -> History:
    """Deployments, pods and settings that change, in a and, out of sight, in bees."""
    history = History("lab", kinds=(*USUAL, kind_info("events", "Event")))
    history.watch(from_=0, to=600)
    for namespace, prefix in (("a", ""), ("bees", f"{HIDDEN}-")):
        for second, image in ((10, "web:1"), (200, "web:2")):
            template: JsonObject = {"spec": {"containers": [{"name": "web", "image": f"{prefix}{image}"}]}}
            body: JsonObject = {"spec": {"replicas": 2, "template": template}, "status": {"replicas": 2}}
            history.put("deployments.apps", f"{namespace}/{prefix}web", body, at=second, by=f"{prefix}helm")
            data: JsonObject = {"data": {f"{prefix}banner": image}}
            history.put("configmaps", f"{namespace}/{prefix}settings", data, at=second + 5, by=f"{prefix}kubectl")
            beat: JsonObject = {"data": {"beat": str(second)}}
            history.put("configmaps", f"{namespace}/{prefix}beat", beat, at=second + 9, by="x", noise="heartbeat")
    history.put("secrets", f"a/{HIDDEN}", {"data": {HIDDEN: "eA=="}}, at=20)
    history.put("nodes", f"{HIDDEN}-node", {"status": {"beat": 1}}, at=30)
    history.gap("configmaps", 300, 310, reason=HIDDEN, namespace="bees")
    return history


@contextmanager
def people(path: Path) -> Iterator[tuple[Inside, Provider]]:
    """The server and the provider, while this holds."""
    store = ChdbStore.open(path)
    migrate(store)
    told().store(store)
    with provided() as provider:
        inside = Inside(store, People(provider)).start()
        try:
            yield inside, provider
        finally:
            inside.stop()
    store.close()

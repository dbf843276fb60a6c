"""What the cluster serves, which of it is watched, and what of that has not been put on record yet. No I/O."""

from collections.abc import Mapping, Sequence

import msgspec

from collector.cluster import Discovery
from collector.discovery import merge
from collector.selection import NOT_AMONG, WITNESSES, choose
from collector.settings import CollectorSettings
from collector.slots import Slot
from schema.events import FORBIDDEN_IN, KindInfo
from schema.kindschema import KindSchema
from schema.objects import Kind, Scope, kind_id


class Catalog:
    """Kinds as discovery, the settings and the server's refusals make them; only those of this slot."""

    def __init__(self, settings: CollectorSettings) -> None:
        self.unmatched: Sequence[str] = ()
        """Patterns of the settings that fit no kind."""
        self.infos: Mapping[str, KindInfo] = {}
        """As put on record."""
        self._settings = settings
        self._slot = Slot(settings.slot + 1, settings.slots)
        self._kinds: dict[str, Kind] = {}
        self._chosen: Mapping[str, KindInfo] = {}
        self._forbidden: dict[Scope, str] = {}
        self._etag = ""
        self._schemas: dict[str, KindSchema] = {}

    def learn(self, schemas: Mapping[str, KindSchema]) -> None:
        """What OpenAPI says of some kinds."""
        self._schemas |= schemas

    def take(self, found: Discovery) -> None:
        """A new discovery; the same ETag as before says nothing new."""
        if found.etag and found.etag == self._etag:
            return
        self._kinds, self._etag = merge(found, self._kinds), found.etag
        settings = self._settings
        choice = choose(self._kinds.values(), only=settings.kinds, include=settings.include, exclude=settings.exclude)
        self._chosen = {name: info for name, info in choice.kinds.items() if self._slot.has(name)}
        self.unmatched = choice.unmatched

    def watched(self) -> dict[str, Kind]:
        """The kinds to watch, also those that are forbidden just now."""
        return {name: self._kinds[name] for name, info in self._chosen.items() if info.watching == "yes"}

    def witnesses(self) -> dict[str, Kind]:
        """Kinds that are not recorded only because they are written all the time, and may be looked at."""
        off = {name for name, info in self._chosen.items() if info.watching == "off" or info.reason == NOT_AMONG}
        return {name: self._kinds[name] for name in WITNESSES if name in off}

    def forbid(self, scope: Scope, why: str) -> None:
        """The server gives no right to this scope."""
        self._forbidden[scope] = why

    def allow(self, scope: Scope) -> None:
        """The scope can be read (again)."""
        self._forbidden.pop(scope, None)

    def changes(self, scopes: Mapping[str, Sequence[Scope]]) -> list[KindInfo]:
        """What is not on record yet; it is after this. `scopes`: what is watched of each kind."""
        now = {name: self._judge(self._described(info), scopes.get(name, ())) for name, info in self._chosen.items()}
        for name, before in self.infos.items():
            if name not in now:
                now[name] = msgspec.structs.replace(before, watching="gone", reason="not served any more")
        changed = [info for name, info in now.items() if self.infos.get(name) != info]
        self.infos = now
        return changed

    def _described(self, info: KindInfo) -> KindInfo:
        schema = self._schemas.get(kind_id(info.resource, info.group))
        return msgspec.structs.replace(info, schema=schema) if schema else info

    def _judge(self, info: KindInfo, scopes: Sequence[Scope]) -> KindInfo:
        """Forbidden when all of its scopes are; a part of them is said in the reason."""
        refused = [scope for scope in scopes if scope in self._forbidden]
        if info.watching != "yes" or not refused:
            return info
        if len(refused) == len(scopes):
            return msgspec.structs.replace(info, watching="forbidden", reason=self._forbidden[refused[0]])
        names = ", ".join(scope.namespace for scope in refused)
        return msgspec.structs.replace(info, reason=f"{FORBIDDEN_IN}{names}")

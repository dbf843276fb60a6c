"""What an assistant can ask, as functions over the HTTP API; `mcpserver` offers them to clients of the protocol.

Times take every form of the time grammar and are UTC unless they say otherwise. A refusal is raised with the server's
own sentence, which says what to do.
"""

from typing import TYPE_CHECKING

import click

from kubelapse import mcptext
from kubelapse.cli.references import find
from kubelapse.client import AnswerError
from query.yamltext import yaml_text

if TYPE_CHECKING:
    from kubelapse.cli.session import Session
    from kubelapse.client import Client, Query
    from schema.canonical import JsonObject

_LIMIT = 200


class CannotAnswer(Exception):
    """Why not, in a sentence for whoever asked."""


class Tools:
    """The questions. Descriptions are read by assistants: they say what an answer holds and what to ask next."""

    def __init__(self, session: "Session", client: "Client") -> None:
        self._session = session
        self._client = client

    async def changes(
        self,
        since: str = "1h",
        until: str = "now",
        namespace: str = "",
        kind: str = "",
        name: str = "",
        path: str = "",
        by: str = "",
        text: str = "",
        include_noise: bool = False,
        limit: int = 50,
        cursor: str = "",
    ) -> str:
        """What changed in the cluster between two moments, oldest first: object, who, changed paths, event id.

        Start here for "what happened". since/until: 2h, 14:05, yesterday 14:00, RFC 3339. kind: any spelling, several
        joined by commas. path: spec.replicas and below. text: words or /regex/ in name, actor or path.
        """
        query: Query = {
            "from": since, "to": _open(until), "namespace": namespace, "kind": kind, "name": name, "path": path,
            "by": by, "q": text, "noise": "off" if include_noise else "on", "limit": min(max(limit, 1), _LIMIT),
            "cursor": cursor, "cluster": self._session.cluster,
        }  # fmt: skip
        answer = await self._get("/changes", query)
        return mcptext.told(map(mcptext.change, mcptext.items(answer)), answer, nothing="no changes in this time")

    async def object_at(self, kind: str, name: str, namespace: str = "", at: str = "now") -> str:
        """One object as it was at a moment, as YAML. Secret values are never recorded. at: also rv:12345."""
        answer = await self._get(await self._path(kind, name, namespace), {"at": _open(at)})
        content, event = answer.get("object"), answer.get("event")
        assert isinstance(content, dict)
        made = f"# {mcptext.change(event)}" if isinstance(event, dict) else ""
        return mcptext.told([made, yaml_text(content)], answer)

    async def history(
        self,
        kind: str,
        name: str,
        namespace: str = "",
        since: str = "",
        until: str = "now",
        limit: int = 50,
        cursor: str = "",
    ) -> str:
        """Every recorded revision of one object, oldest first, across deletion and re-creation."""
        query: Query = {"from": since, "to": _open(until), "limit": min(max(limit, 1), _LIMIT), "cursor": cursor}
        answer = await self._get(f"{await self._path(kind, name, namespace)}/history", query)
        return mcptext.told(map(mcptext.change, mcptext.items(answer)), answer, nothing="no revisions in this time")

    async def diff(
        self, since: str, until: str = "now", kind: str = "", name: str = "", namespace: str = "", cursor: str = ""
    ) -> str:
        """What differs between two moments, field by field: of one object (kind and name), or of a whole scope.

        Of a scope each field also says who made it so, when, and by which event.
        """
        times: Query = {"from": since, "to": _open(until)}
        if name:
            answer = await self._get(f"{await self._path(kind, name, namespace)}/diff", times)
            lines = [str(answer.get("result")), *map(mcptext.field, mcptext.items(answer, "fields"))]
            return mcptext.told(lines, {"coverage": answer.get("coverage"), "hidden": answer.get("hidden")})
        query: Query = {
            **times, "kind": kind, "namespace": namespace, "cluster": self._session.cluster, "cursor": cursor
        }  # fmt: skip
        answer = await self._get("/diff", query)
        lines = []
        for sort in ("added", "removed", "changed"):
            for item in mcptext.items(answer, sort):
                by = f" {mcptext.who(item)} [event {item['event']}]" if item.get("event") else ""
                lines.append(f"{sort} {mcptext.name(item)}{by}")
                lines += [f"  {mcptext.field(each)}" for each in mcptext.items(item, "fields")]
        return mcptext.told(lines, answer, nothing="nothing differs")

    async def blame(self, kind: str, name: str, namespace: str = "", path: str = "", at: str = "now") -> str:
        """Since when each field of one object has its value, by whom, and what stood there before."""
        answer = await self._get(f"{await self._path(kind, name, namespace)}/blame", {"path": path, "at": _open(at)})
        lines = [_blamed(each) for each in mcptext.items(answer, "fields")]
        return mcptext.told(lines, answer, nothing="the object has no such field")

    async def drift(
        self, baseline: str = "last-applied", kind: str = "", namespace: str = "", name: str = "", at: str = "now"
    ) -> str:
        """What is not as a baseline has it, since when, by whom and how often it flipped.

        baseline: last-applied (what was last applied with kubectl), time:2h (as it was), pin:NAME, namespace:NS,
        cluster:NAME, stored:NAME.
        """
        query: Query = {
            "baseline": baseline, "kind": kind, "namespace": namespace, "name": name, "at": _open(at),
            "cluster": self._session.cluster,
        }  # fmt: skip
        answer = await self._get("/drift", query)
        lines = [f"compared {answer.get('compared')} objects, {answer.get('drifted')} drifted"]
        lines += [_drifted(each) for each in mcptext.items(answer)]
        return mcptext.told(lines, {key: answer[key] for key in ("at", "coverage") if key in answer})

    async def rollouts(self, since: str = "1d", until: str = "now", namespace: str = "", name: str = "") -> str:
        """What was rolled out, by whom, how it went, what was changed, and what failed meanwhile; newest first."""
        query: Query = {
            "from": since, "to": _open(until), "namespace": namespace, "name": name, "limit": 50,
            "cluster": self._session.cluster,
        }  # fmt: skip
        answer = await self._get("/rollouts", query)
        lines = [line for each in mcptext.items(answer) for line in _rollout(each)]
        return mcptext.told(lines, answer, nothing="no rollouts in this time")

    async def search(
        self, value: str = "", image: str = "", path: str = "", kind: str = "", namespace: str = "", since: str = ""
    ) -> str:
        """Every object that ever held a value (or ran an image): from when to when, and who brought it."""
        query: Query = {
            "value": value, "image": image, "path": path, "kind": kind, "namespace": namespace, "from": since,
            "limit": 50, "cluster": self._session.cluster,
        }  # fmt: skip
        answer = await self._get("/search", query)
        lines = []
        for item in mcptext.items(answer):
            lines.append(mcptext.name(item))
            lines += [f"  {_run(each)}" for each in mcptext.items(item, "runs")]
        return mcptext.told(lines, answer, nothing="no object ever held it, as far as is recorded")

    async def coverage(self, since: str = "", until: str = "now", kind: str = "", namespace: str = "") -> str:
        """What was recorded, since when, and where something is missing. Ask before saying that nothing happened."""
        query: Query = {
            "from": since, "to": _open(until), "kind": kind, "namespace": namespace, "cluster": self._session.cluster
        }  # fmt: skip
        answer = await self._get("/coverage", query)
        clusters = [
            f"{each.get('cluster')}: {each.get('objects')} objects, {each.get('events')} changes, watched since "
            f"{each.get('watched_since')}, known up to {each.get('watermark')}"
            for each in mcptext.items(await self._get("/clusters", {}))
        ]
        gaps = [
            f"gap in {each.get('resource')} {each.get('namespace') or ''} from {each.get('from')} to {each.get('to')}: "
            f"{each.get('reason')}"
            for each in mcptext.items(answer, "gaps")
        ]
        return mcptext.told([*clusters, *gaps], answer)

    async def sql(self, query: str, limit: int = 100) -> str:
        """One read-only SELECT over the documented views (history, changes, objects, field_changes, coverage …).

        Call sql_schema for the views and their columns. Rows come one per line.
        """
        try:
            answer = await self._client.post("/sql", body={"query": query, "limit": min(max(limit, 1), 1000)})
        except AnswerError as error:
            raise CannotAnswer(str(error)) from None
        lines = [mcptext.value(each) for each in mcptext.items(answer, "rows")]
        rows = answer.get("rows")
        if not lines and isinstance(rows, list):
            lines = [mcptext.value(each) for each in rows]
        return mcptext.told(lines, answer, nothing="no rows")

    async def sql_schema(self) -> str:
        """The views that `sql` can ask, with their columns and comments."""
        return yaml_text(await self._get("/sql/schema", {}))[: mcptext.MOST]

    async def _get(self, path: str, query: "Query") -> "JsonObject":
        try:
            return await self._client.get(path, query)
        except AnswerError as error:
            raise CannotAnswer(str(error)) from None

    async def _path(self, kind: str, name: str, namespace: str) -> str:
        if not kind or not name:
            raise CannotAnswer("Name one object: kind and name.")
        try:
            return (await find(self._session, self._client, (kind, name), namespace or None, None)).path
        except AnswerError as error:
            raise CannotAnswer(str(error)) from None
        except click.ClickException as error:
            raise CannotAnswer(error.message.replace("say which with -n", "say which namespace")) from None


def _open(text: str) -> str | None:
    """None for now: as far as is known."""
    return None if text.strip().lower() in ("", "now") else text


def _blamed(item: "JsonObject") -> str:
    since = f"{'at or before ' if item.get('at_or_before') else ''}{mcptext.when(item, 'since')}"
    was = f", was {mcptext.value(item.get('previous'))}" if item.get("op") == "replace" else ""
    head = f"{item.get('path')} = {mcptext.value(item.get('value'))}{was}"
    return f"{head}; since {since} {mcptext.who(item)} ({item.get('basis')}) [event {item.get('event')}]"


def _drifted(item: "JsonObject") -> str:
    what = f"{item.get('op')} {item.get('path') or 'the whole object'}"
    values = f": expected {mcptext.value(item.get('expected'))}, is {mcptext.value(item.get('actual'))}"
    since = f"; since {mcptext.when(item, 'since')}" if item.get("since") else "; nobody knows since when"
    flaps = f", left the baseline {item['flaps']} times before" if item.get("flaps") else ""
    event = f" [event {item['event']}]" if item.get("event") else ""
    return f"{mcptext.name(item)} {what}{values}{since} {mcptext.who(item)}{flaps}{event}"


def _rollout(item: "JsonObject") -> list[str]:
    took = item.get("duration")
    lasted = f" after {took:.0f} s" if isinstance(took, int | float) else ""
    waiting = f" ({item['waiting']})" if item.get("waiting") else ""
    head = f"{mcptext.when(item, 'started')} {mcptext.name(item)} {mcptext.who(item)}"
    head += f": {item.get('result')}{waiting}{lasted}"
    rollback = " (rollback)" if item.get("rollback") else ""
    fields = [f"  {mcptext.field(each)}" for each in mcptext.items(item, "fields")]
    failures = [
        f"  failed: {each.get('reason')} ×{each.get('count')} {mcptext.value(each.get('message'))}"
        for each in mcptext.items(item, "failures")
    ]
    return [f"{head}{rollback} [event {item.get('event')}]", *fields, *failures]


def _run(item: "JsonObject") -> str:
    until = item.get("to") or "now"
    event = item.get("event") or item.get("from_event") or ""
    return (
        f"{item.get('path')} = {mcptext.value(item.get('value'))} from {item.get('from')} to {until} "
        f"{mcptext.who(item)}{f' [event {event}]' if event else ''}"
    )

"""Every page of the interface, as an address on the demo: what is held against rules that all pages must keep."""

from datetime import datetime, timedelta
from urllib.parse import urlencode

from tests.ui.serving import Demo

WEB = "prod-eu/shop/deployments.apps/web"
PER_CLASS = """SELECT toStartOfInterval(ts, INTERVAL 10 SECOND) AS slot, countIf(class = 'status') AS status,
       countIf(class = 'spec') AS spec, countIf(class = 'rollout') AS rollouts
FROM changes WHERE origin != 'list' GROUP BY slot ORDER BY slot"""

NAMES = (
    "home", "timeline", "chosen", "changes", "object", "diff", "compare", "drift", "rollouts", "coverage", "search",
    "sql", "noise",
)  # fmt: skip


def views(demo: Demo) -> dict[str, str]:
    """Name and address of each page, with something to see on it."""
    since, until = demo.recorded()
    before = (datetime.fromisoformat(since) + timedelta(seconds=60)).isoformat().replace("+00:00", "Z")
    span = {"from": since, "to": until, "live": "off"}
    return {
        "home": address("", span),
        "timeline": address("timeline", span),
        "chosen": address("timeline", {**span, "ns": "shop", "sel": WEB, "at": rollback(demo)["started"]}),
        "changes": address("changes", span),
        "object": address("object", {"of": WEB, **span}),
        "diff": address("object", {"of": WEB, "tab": "diff", "a": before, "b": rollback(demo)["started"], **span}),
        "compare": address("compare", {**span, "ns": "shop"}),
        "drift": address("drift", {}),
        "rollouts": address("rollouts", {}),
        "coverage": address("coverage", span),
        "search": address("search", {"value": "*:1.9.0"}),
        "sql": address("sql", {"sql": PER_CLASS}),
        "noise": address("noise", {**span, "rule": "pods status kwok"}),
    }


def address(page: str, params: dict[str, str]) -> str:
    """Of a page on any server."""
    return f"/{page}?{urlencode(params)}" if params else f"/{page}"


def rollback(demo: Demo) -> dict[str, str]:
    """The rollout that ended the incident."""
    found = demo.ask("rollouts?from=now-1d")["items"]
    return next(each for each in found if each["rollback"])

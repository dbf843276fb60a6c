"""`kubelapse drift`: what is not as a baseline has it, since when, by whom, and how often it flapped.

Files are read and rendered here (`kubelapse.rendering`) and sent as documents. Exit codes are those of kubectl diff: 0
no drift, 1 drift, above 1 an error.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from kubelapse.cli.errors import Failure
from kubelapse.cli.markers import masked
from kubelapse.cli.options import ScopeArgs, reading, scope_options
from kubelapse.cli.references import find
from kubelapse.cli.rows import UNKNOWN, object_name, suspects
from kubelapse.cli.session import Session
from kubelapse.cli.text import csv_text, json_text, plain, table
from query.yamltext import yaml_text

if TYPE_CHECKING:
    from kubelapse.client import Value
    from kubelapse.rendering import Rendered
    from schema.canonical import Json, JsonObject

NARROW = ("NAMESPACE", "OBJECT", "FIELD", "EXPECTED", "ACTUAL", "SINCE", "BY", "FLAPS")
WIDE = (*NARROW, "AFTER", "AGE", "BASIS", "WRITES", "EVENT")
LONGEST = 40


@click.command("drift")
@click.argument("reference", metavar="[TYPE/NAME]", nargs=-1)
@click.option(
    "--baseline",
    metavar="BASELINE",
    required=True,
    help="pin:NAME, time:T, file:PATH, git:REV:PATH, helm:CHART, kustomize:DIR, last-applied, cluster:NAME, "
    "namespace:NS, template:PATH, stored:NAME or helm-release:NAME.",
)
@scope_options
@click.option("--at", metavar="TIME", default="now", show_default=True, help="The moment that is compared.")
@click.option("--ended", is_flag=True, help="Also drift that ended by itself, from when to when.")
@click.option("--noise", type=click.Choice(["on", "off"]), default="on", help="off: nothing is hidden as noise.")
@click.option(
    "--without", metavar="RULE", multiple=True, help="Switch a rule of comparison off: quantity, zero, status."
)
@click.option("--values", metavar="FILE", multiple=True, help="With helm:CHART, a values file.")
@click.option("--release", metavar="NAME", default="", help="With helm:CHART, the release's name.")
@reading(formats=("table", "wide", "json", "jsonl", "yaml", "csv", "name"), default="table")
async def drift(
    session: Session,
    reference: tuple[str, ...],
    baseline: str,
    scope: ScopeArgs,
    at: str,
    ended: bool,
    noise: str,
    without: tuple[str, ...],
    values: tuple[str, ...],
    release: str,
) -> None:
    """What is not as a baseline has it, and since when; exit code 1 when something is not.

    Of manifests only the fields that they name are compared. A ≤ stands before the time of what became so while nobody
    was looking, or before the record begins; a ≈ before estimates. -n is also the namespace of manifests without one.

    \b
    kubelapse drift -n shop --baseline file:deploy/
    kubelapse drift deploy/web -n shop --baseline git:v1.4.0:deploy/web.yaml
    kubelapse drift -n shop --baseline pin:before-migration -o wide
    helm get manifest web | kubelapse drift -n shop --baseline file:-
    """
    if reference and (scope.selector or scope.kind):
        raise click.UsageError("-l and --kind choose among objects, TYPE/NAME names one: give one or the other")
    sent = rendered(baseline, scope, values, release)
    query: dict[str, Value] = {
        "baseline": "" if sent else _words(session, baseline),
        "at": session.end(at),
        "ended": "on" if ended else "off",
        "noise": noise,
        "without": ",".join(without),
    }
    places: dict[str, Value] = {
        "cluster": session.cluster,
        "namespace": scope.namespace,
        "kind": scope.kind,
        "selector": scope.selector,
    }
    body: JsonObject = {}
    if sent:
        body = {sent.part: [*sent.documents], "default_namespace": scope.namespace or ""}
    async with session.client() as client:
        path = "/drift"
        if reference:
            path, places = f"{(await find(session, client, reference, scope.namespace, None)).path}/drift", {}
        asked = {**query, **places}
        answer = await (client.post(path, asked, body=body) if body else client.get(path, asked))
    _say(session, answer, baseline)
    _print(session, answer)
    session.limits(answer)
    if not session.exit_code:
        session.exit_code = int(any(each.get("lasts") for each in items(answer)))


def rendered(baseline: str, scope: ScopeArgs, values: tuple[str, ...], release: str) -> "Rendered | None":
    """The documents of a baseline that is read here; None for the server's own."""
    from kubelapse import rendering

    if not rendering.is_rendered(baseline):
        return None
    options = rendering.Options(namespace=scope.namespace or "", release=release, values=values)
    try:
        return rendering.render(baseline, options)
    except rendering.RenderError as error:
        raise Failure(str(error)) from None


def _words(session: Session, baseline: str) -> str:
    """Moments are read here, in the user's zone."""
    sort, _, value = baseline.partition(":")
    return f"time:{session.instant(value)}" if sort == "time" and value else baseline


def items(answer: "JsonObject", name: str = "items") -> "list[JsonObject]":
    """The objects of a list in an answer."""
    listed = answer.get(name)
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _say(session: Session, answer: "JsonObject", baseline: str) -> None:
    """What was compared, and what was not."""
    told = answer.get("baseline")
    moment = told.get("at") if isinstance(told, dict) else None
    since = f" ({session.spoken(moment)})" if moment else ""
    count = answer.get("compared")
    noun = "object" if count == 1 else "objects"
    session.note(f"{count} {noun} compared with {baseline}{since} as of {session.spoken(answer.get('at'))}")
    if not items(answer):
        session.note("nothing is known to drift")
    doubts = [f"not compared: {each.get('what')}: {each.get('reason')}" for each in items(answer, "not_compared")]
    session.doubt(doubts)
    hidden = answer.get("hidden")
    if isinstance(hidden, int) and hidden:
        session.note(f"{hidden} {'field' if hidden == 1 else 'fields'} hidden as noise, --noise=off shows them")
    unsure = items(answer, "not_comparable")
    if unsure:
        places = ", ".join(f"{object_name(each)} {each.get('path')}" for each in unsure[:3])
        session.note(f"whether redacted values drift cannot be said: {places}{', …' if len(unsure) > 3 else ''}")


def _print(session: Session, answer: "JsonObject") -> None:
    output, found = session.style.output, items(answer)
    if output == "json":
        session.out(json_text(answer) + "\n")
    elif output == "yaml":
        session.out(yaml_text(answer))
    elif output == "jsonl":
        session.out("".join(json_text(each, indent=False) + "\n" for each in found))
    elif output == "name":
        names = dict.fromkeys(plain(object_name(each)) for each in found)
        session.out("".join(f"{name}\n" for name in names))
    elif output == "csv":
        session.out(csv_text(WIDE, [row(session, each, whole=True) for each in found], headers=session.style.headers))
    else:
        wide = output == "wide"
        rows = [row(session, each, whole=wide)[: None if wide else len(NARROW)] for each in _lines(found)]
        session.out(table(WIDE if wide else NARROW, rows, headers=session.style.headers))


def _lines(found: "list[JsonObject]") -> "Iterator[JsonObject]":
    """Items, each followed by its drifts that ended."""
    for each in found:
        if each.get("lasts"):
            yield each
        for span in items(each, "spans"):
            end = f"{each.get('path')} (until {span.get('to')})"
            yield {**each, **span, "path": end, "since": span.get("from"), "flaps": 0, "op": "ended", "age": None}


def row(session: Session, each: "JsonObject", *, whole: bool) -> tuple[str, ...]:
    """One line of WIDE; values are cut unless they are wanted whole."""
    op = str(each.get("op"))
    left, right = masked(each.get("expected"), each.get("actual"))
    if op in ("missing", "extra"):
        sides = ("there", "missing") if op == "missing" else ("not there", "there")
    else:
        sides = ("" if op == "added" else value(left, whole), "" if op == "removed" else value(right, whole))
    within = f":{each['within']}" if each.get("within") else ""
    doubt = "?" if each.get("confidence") == "low" else ""
    return (
        str(each.get("namespace") or ""),
        object_name(each),
        f"{each.get('path') or ''}{within}" or "(object)",
        *sides,
        since(session, each),
        f"{each.get('by') or UNKNOWN}{doubt}{suspects(each)}",
        flaps(each),
        session.local(each.get("after")),
        span(each.get("age")),
        str(each.get("basis")),
        str(each.get("writes") or ""),
        str(each.get("event") or ""),
    )


def since(session: Session, each: "JsonObject") -> str:
    """The onset; `≤` where it may have been earlier."""
    if not each.get("since"):
        return "unknown"
    bound = "≤" if each.get("basis") in ("first-sight", "horizon", "gap", "relist") else ""
    return bound + session.local(each.get("since"), error=each.get("ts_error"))


def flaps(each: "JsonObject") -> str:
    """`3 every 1m40s (hpa, argocd)`."""
    count = each.get("flaps")
    if not count:
        return "0"
    period, between = each.get("period"), each.get("between")
    every = f" every {span(period)}" if period else ""
    who = f" ({', '.join(map(str, between))})" if isinstance(between, list) and between else ""
    return f"{count}{every}{who}"


def span(seconds: "Json") -> str:
    """`45s`, `3m20s`, `5h10m`, `3d4h`."""
    if not isinstance(seconds, int | float):
        return ""
    left, parts = int(seconds), []
    for size, name in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        if left >= size:
            parts.append(f"{left // size}{name}")
            left %= size
    return "".join(parts[:2]) or "0s"


def value(content: "Json", whole: bool) -> str:
    """A value in a cell."""
    text = content if isinstance(content, str) else json_text(content, indent=False)
    return text if whole or len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

"""`kubelapse noise`: what is hidden, by which rule; `kubelapse noise suggest`: rules that would be worth having."""

from typing import TYPE_CHECKING

import click

from kubelapse.cli.fields import objects
from kubelapse.cli.options import ScopeArgs, reading, scope_options
from kubelapse.cli.session import Session
from kubelapse.cli.text import csv_text, json_text, table
from query.yamltext import yaml_text

if TYPE_CHECKING:
    from kubelapse.client import Value
    from schema.canonical import JsonObject

HIDDEN = ("RULE", "FROM", "CHANGES", "OBJECTS")
SUGGESTED = ("RULE", "WRITES", "OBJECTS", "PER HOUR", "HIDES", "TOGETHER", "WHY")


@click.command("noise")
@click.argument("what", type=click.Choice(["show", "suggest"]), required=False, default="show", metavar="[suggest]")
@click.option(
    "--since", "--from", "start", metavar="TIME", default="1h", show_default=True, help="Start of the window."
)
@click.option("--to", "--until", "end", metavar="TIME", help="End of the window. Default now.")
@click.option("--rule", "rules", metavar="RULE", multiple=True, help="Try a rule out: 'KIND PATH [MANAGER]'.")
@scope_options
@reading(formats=("table", "json", "jsonl", "yaml", "csv"))
async def noise(
    session: Session, what: str, start: str, end: str | None, rules: tuple[str, ...], scope: ScopeArgs
) -> None:
    """What is hidden as noise, and by which rule; or, with `suggest`, which rules would be worth having.

    Rules stand in kubelapse.toml, `noise = ["deployments.apps spec.replicas hpa-*"]`, and act on all of history.

    \b
    kubelapse noise --since 1d
    kubelapse noise suggest --since 1d
    kubelapse noise --rule 'pods status.conditions kubelet'
    """
    suggest = what == "suggest"
    query: dict[str, Value] = {
        "from": session.instant(start), "to": session.end(end), "cluster": session.cluster,
        "namespace": scope.namespace, "kind": scope.kind, "selector": scope.selector,
        "suggest": "on" if suggest else "off", "rule": rules,
    }  # fmt: skip
    async with session.client() as client:
        answer = await client.get("/noise", query)
    session.window(answer.get("from"), answer.get("to"))
    _print(session, answer, suggest=suggest)
    hidden = answer.get("hidden")
    count = hidden.get("noise") if isinstance(hidden, dict) else 0
    session.note(f"{count} of {answer.get('changes')} changes are hidden as noise, --noise=off shows them")
    if suggest:
        _advise(session, objects(answer.get("suggestions")))
    session.limits({"coverage": answer.get("coverage")})


def _print(session: Session, answer: "JsonObject", *, suggest: bool) -> None:
    output = session.style.output
    items = objects(answer.get("suggestions" if suggest else "rules"))
    if output == "json":
        session.out(json_text(answer) + "\n")
    elif output == "yaml":
        session.out(yaml_text(answer))
    elif output == "jsonl":
        session.out("".join(json_text(each, indent=False) + "\n" for each in items))
    else:
        keys = ("rule", "writes", "objects", "per_hour", "hides", "hides_with_all", "why")
        names = keys if suggest else ("rule", "source", "changes", "objects")
        rows = [tuple(str(each.get(name, "")) for name in names) for each in items]
        render = csv_text if output == "csv" else table
        session.out(render(SUGGESTED if suggest else HIDDEN, rows, headers=session.style.headers))


def _advise(session: Session, items: "list[JsonObject]") -> None:
    if not items:
        session.note("nothing is written often enough to be worth a rule")
        return
    listed = ", ".join(json_text(str(each.get("rule")), indent=False) for each in items)
    session.note(f"to hide all of these, write in kubelapse.toml: noise = [{listed}]")

"""Whether a leaked value would be recorded again: recorded states that hold it, held against the rules of redaction."""

from dataclasses import dataclass, field
from typing import Final

import orjson

from collector.redact import Redactor
from kubelapse.purge_value import Leak
from schema.canonical import canonical
from schema.objects import Kind
from schema.store import Store

MOST: Final = 200
"""Objects that are looked at."""

_STATES: Final = """
SELECT resource, `group`, namespace, name, argMax(object, ts) AS state FROM events
WHERE object != '' AND op != 'delete' AND arrayExists(n -> position(object, n) > 0, {needles:Array(String)})
GROUP BY cluster, resource, `group`, namespace, name ORDER BY max(ts) DESC LIMIT {most:UInt32}
"""


@dataclass(slots=True)
class Ruled:
    """`objects`: those that were looked at; `unknown`: those in which no rule finds the value."""

    objects: int = 0
    unknown: list[str] = field(default_factory=list)


def ruled(store: Store, leak: Leak, redactor: Redactor) -> Ruled:
    """Go through the newest states that hold it as a collector would."""
    found = Ruled()
    for resource, group, namespace, name, body in store.rows(_STATES, {"needles": list(leak.needles), "most": MOST}):
        found.objects += 1
        kind = Kind(group=group, version="", kind="", resource=resource, namespaced=bool(namespace))
        state = orjson.loads(body)
        redactor.redact(kind, state)
        if leak.held(redactor.settled(kind, canonical(state)).decode()):
            found.unknown.append(f"{resource} {namespace}/{name}" if namespace else f"{resource} {name}")
    return found

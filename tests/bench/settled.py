"""What was generated beside what is recorded: how far behind, when it is all there, and that it is exactly all."""

import json
import time
from pathlib import Path
from typing import Any, Final

import urllib3

from schema.chdb import ChdbStore
from tests.bench.report import figure
from tests.e2e.recorder import Recorder

SETTLED: Final = 120.0
"""Seconds that the last changes may take until they can be asked for."""
KNOWN: Final = """
    SELECT {kind} AS kind, count(), uniqExact(rv), groupBitXor(toUInt64(rv)) FROM {table}
    WHERE toUInt64(rv) > 1000000 GROUP BY kind
"""
TABLES: Final = {"events": "resource", "k8s_events": "'events'"}
GAPS: Final = "SELECT count() FROM coverage WHERE class = 'gap'"

# JSON of the generating server: only this module knows it.
Report = dict[str, Any]


def lag(recorder: Recorder, server: str, http: urllib3.PoolManager) -> float:
    """Seconds since the oldest change was written that no answer knows yet, over all kinds."""
    known: dict[str, int] = {}
    for one in recorder.ask("/coverage")["watched"]:
        kind = one["resource"].partition(".")[0]
        known[kind] = max(known.get(kind, 0), int(one["rv"]))
    waiting: dict[str, float] = json.loads(http.request("POST", f"{server}/waiting", json=known).data)
    return max(waiting.values())


def settle(recorder: Recorder, server: str, http: urllib3.PoolManager, *, within: float = SETTLED) -> Report:
    """Wait for the end of the changes, and until all of them can be asked for."""
    began = time.monotonic()
    while (report := json.loads(http.request("GET", f"{server}/sent").data))["running"] or lag(recorder, server, http):
        assert time.monotonic() < began + within, f"not everything can be asked for\n{recorder.tail()}"
        time.sleep(1)
    return dict(report)


def prove(path: Path, report: Report, *, what: str) -> None:
    """As many versions of each kind as were sent, all different, and their combination the same; no gap."""
    store = ChdbStore.open(path)
    try:
        known = [row for table, kind in TABLES.items() for row in store.rows(KNOWN.format(table=table, kind=kind))]
        wanted = {(kind, sent, sent, report["xor"][kind]) for kind, sent in report["sent"].items()}
        figure(f"{what}, changes", sum(report["sent"].values()), "", watches=report["watches"], cut=report["cut"])
        figure(
            f"{what}, kinds of which not exactly every version is stored once", len(wanted ^ {*map(tuple, known)}), ""
        )
        figure(f"{what}, gaps", float(str(store.rows(GAPS)[0][0])), "")
    finally:
        store.close()

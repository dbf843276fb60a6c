"""What noise is hidden in a window, by which rule, and which rules would be worth having.

A suggestion is a (kind, path, manager) that is written often and again: in most of its objects, by a program, in what
programs own (status, annotations) or without an end. What people write is never suggested. Every suggestion is measured
by the very condition that the rule would be; so is what all of them would hide together.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from query.actors import classify
from query.models_noise import HiddenBy, NoiseSuggestion
from query.noise_rules import NoiseRule, covered, rule
from query.scope import ChangeFilter, where, window
from schema.objects import kind_id
from schema.store import Row, Store

CANDIDATES = 40
SUGGESTED = 12
OFTEN = 4.0
"""Writes of one object and place per hour, from which on it is churn."""

_ITEMS = "replaceRegexpAll(p, '\\\\[(?:[^\\\\]\"]|\"(?:[^\"\\\\\\\\]|\\\\\\\\.)*\")*\\\\]', '[*]')"
"""A path whose list items and quoted names stand for all of them."""


def hidden_by(store: Store, chosen: ChangeFilter, after: datetime, until: datetime) -> tuple[list[HiddenBy], int, int]:
    """(rules with their counts, changes in the window, how many of them are hidden)."""
    params: dict[str, object] = {}
    within = where([*chosen.conditions(params), *window(params, after, until), "origin != 'list'"])
    every, hidden = store.rows(
        f"SELECT count(), countIf({chosen.rules.hides(params)}) FROM changes FINAL {within}", params
    )[0]
    found = _recorded(store, chosen, after, until)
    for each in chosen.rules.rules:
        own: dict[str, object] = {}
        conditions = where([*chosen.conditions(own), *window(own, after, until), "origin != 'list'"])
        covers = covered((each,), own)
        sql = f"SELECT countIf({covers}), uniqExactIf((cluster, uid), {covers}) FROM changes FINAL {conditions}"
        count, objects = store.rows(sql, own)[0]
        found.append(HiddenBy(rule=each.text, source="setting", changes=count, objects=objects))
    return found, every, hidden


def _recorded(store: Store, chosen: ChangeFilter, after: datetime, until: datetime) -> list[HiddenBy]:
    params: dict[str, object] = {}
    conditions = where([*chosen.conditions(params), *window(params, after, until), "origin != 'list'", "noise != ''"])
    sql = f"""
        SELECT noise, count(), uniqExact(cluster, uid) FROM changes FINAL {conditions}
        GROUP BY noise ORDER BY 2 DESC, 1"""
    return [
        HiddenBy(rule=name, source="recorded", changes=count, objects=objects)
        for name, count, objects in store.rows(sql, params)
        if name not in chosen.rules.shown
    ]


def suggestions(store: Store, chosen: ChangeFilter, after: datetime, until: datetime) -> list[NoiseSuggestion]:
    """The churn of the window as rules, most effective first."""
    hours = max((until - after) / timedelta(hours=1), 1 / 60)
    churn = [row for row in _churn(store, chosen, after, until) if _is_churn(row, hours)]
    rules = [_rule(row) for row in churn]
    alone = _effects(store, chosen, [(each,) for each in rules], after, until)
    ranked = sorted(zip(alone, churn, rules, strict=True), key=lambda each: -each[0])
    kept = [each for each in ranked if each[0] or len(rules) > 1][:SUGGESTED]
    chains = [tuple(each for _, _, each in kept[: n + 1]) for n in range(len(kept))]
    together = _effects(store, chosen, chains, after, until)
    return [
        _suggestion(row, each, hours, hides=hides, all_hide=total)
        for (hides, row, each), total in zip(kept, together, strict=True)
        if total
    ]


def _churn(store: Store, chosen: ChangeFilter, after: datetime, until: datetime) -> Sequence[Row]:
    """(resource, group, path, manager, writes, objects, operation) of what is shown and written most."""
    params: dict[str, object] = {"candidates": CANDIDATES}
    within = [*chosen.conditions(params), *window(params, after, until)]
    hides = chosen.rules.hides(params)
    sql = f"""
        SELECT resource, `group`, {_ITEMS} AS place, if(m = '', toString(actor_name), toString(m)) AS writer,
            uniqExact(cluster, uid, epoch, seq) AS writes, uniqExact(cluster, uid) AS objects, any(actor_operation)
        FROM changes ARRAY JOIN paths AS p, managers AS m
        {where([*within, "op = 'update'", "origin != 'list'", f"NOT {hides}", "length(paths) = length(managers)"])}
        GROUP BY resource, `group`, place, writer
        HAVING writes >= 5 ORDER BY writes DESC LIMIT {{candidates:UInt32}}"""
    return store.rows(sql, params)


def _is_churn(row: Row, hours: float) -> bool:
    _, _, path, manager, writes, objects, operation = row
    owned = path.startswith(("status", "metadata.annotations", "metadata.generation"))
    program = not manager or classify(manager, operation).sort != "human"
    return bool(program and owned and writes / objects / hours >= OFTEN)


def _rule(row: Row) -> NoiseRule:
    resource, group, path, manager, *_ = row
    return rule(kind_id(resource, group), path, manager or "*")


def _effects(
    store: Store, chosen: ChangeFilter, sets: Sequence[tuple[NoiseRule, ...]], after: datetime, until: datetime
) -> list[int]:
    """How many of the changes that are shown each of these sets of rules would hide, with what is in force already."""
    if not sets:
        return []
    params: dict[str, object] = {}
    within = [*chosen.conditions(params), *window(params, after, until)]
    hides, counts, number = chosen.rules.hides(params), [], 1000
    for rules in sets:
        counts.append(f"countIf({covered((*chosen.rules.rules, *rules), params, number)})")
        number += len(chosen.rules.rules) + len(rules)
    conditions = where([*within, "origin != 'list'", f"NOT {hides}"])
    sql = f"SELECT {', '.join(counts)} FROM changes FINAL {conditions}"
    return list(store.rows(sql, params)[0])


def _suggestion(row: Row, found: NoiseRule, hours: float, *, hides: int, all_hide: int) -> NoiseSuggestion:
    resource, group, path, manager, writes, objects, operation = row
    sort = classify(manager, operation).sort if manager else "nobody known"
    rate = writes / objects / hours
    return NoiseSuggestion(
        rule=found.text,
        kind=kind_id(resource, group),
        path=path,
        manager=manager,
        writes=writes,
        objects=objects,
        per_hour=round(rate, 1),
        hides=hides,
        hides_with_all=all_hide,
        why=f"written {rate:.0f} times an hour in each of {objects} objects by {manager or '?'} ({sort})",
    )

"""The honest end of every answer: what was hidden, and where it cannot be complete, in sentences.

"Nothing changed", "we were not watching" and "hidden as noise" are three different answers.
"""

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schema.canonical import Json

SHOWN = 6


def hidden_sentences(hidden: "Json") -> list[str]:
    """`12 changes hidden as noise, --noise=off shows them`."""
    if not isinstance(hidden, dict):
        return []
    sentences = []
    for key, what, remedy in (("noise", "as noise", "--noise=off"), ("first_sight", "as first sight", "--first-sight")):
        count = hidden.get(key)
        if isinstance(count, int) and count > 0:
            noun, them = ("change", "it") if count == 1 else ("changes", "them")
            sentences.append(f"{count} {noun} hidden {what}, {remedy} shows {them}")
    return sentences


def equal_sentences(equal: "Json") -> list[str]:
    """`3 differences mean the same (quantity 2, set 1), --exact shows them`."""
    counts = {name: count for name, count in equal.items() if isinstance(count, int)} if isinstance(equal, dict) else {}
    total = sum(counts.values())
    if not total:
        return []
    said, them = ("difference means", "it") if total == 1 else ("differences mean", "them")
    rules = ", ".join(f"{name} {count}" for name, count in counts.items())
    return [f"{total} {said} the same ({rules}), --exact shows {them}"]


def scope_sentences(coverage: "Json") -> list[str]:
    """`28 kinds are recorded only in shop`: chosen so, which does not make an answer about them incomplete."""
    unwatched = coverage.get("unwatched") if isinstance(coverage, dict) else None
    listed = [each for each in unwatched if isinstance(each, dict)] if isinstance(unwatched, list) else []
    partly = Counter(str(each.get("reason")) for each in listed if each.get("watching") == "namespaces")
    return [f"{count} {'kind is' if count == 1 else 'kinds are'} recorded {reason}" for reason, count in partly.items()]


def coverage_sentences(coverage: "Json") -> list[str]:
    """Why an answer is not complete; empty when it is."""
    if not isinstance(coverage, dict) or coverage.get("complete") is True:
        return []
    why = coverage.get("why")
    reasons = [str(reason) for reason in why] if isinstance(why, list) else []
    if not reasons:
        return ["this answer is not complete"]
    more = [f"and {len(reasons) - SHOWN} more reasons: kubelapse coverage lists them"] if len(reasons) > SHOWN else []
    return [f"this answer is not complete: {reasons[0]}", *reasons[1:SHOWN], *more]

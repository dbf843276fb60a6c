"""What readiness means is known outside: the composition root passes in a callable that gives these checks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that must hold before answers can be trusted. `detail`: one sentence, shown when it does not hold."""

    name: str
    ok: bool
    detail: str = ""


Health = Callable[[], Sequence[Check]]


def healthy() -> Sequence[Check]:
    """For servers that have nothing beside the store to check."""
    return ()


def listing(checks: Sequence[Check]) -> str:
    """`[+]store ok`, `[-]watches failed: …`, as kube-apiserver writes it."""
    lines = [f"[+]{each.name} ok" if each.ok else f"[-]{each.name} failed: {each.detail}" for each in checks]
    lines.append("readyz check passed" if all(each.ok for each in checks) else "readyz check failed")
    return "\n".join(lines) + "\n"

"""Noise rules of the operator: which places of which kinds, written by whom, are noise besides the recorded classes.

    KIND PATH [MANAGER]    hide: `*.example.org status.**`, `deployments.apps spec.replicas hpa-*`
    show CLASS             do not hide a recorded class: `show status-time`

`*` matches anything within KIND, PATH and MANAGER; a PATH covers what lies below it. A change is hidden when *every*
place that it changed is covered by a rule, and by its manager where the rule names one. Nothing is stored: rules act on
the whole history at once, and `noise=off` looks past them.
"""

import re
from dataclasses import dataclass

from schema.paths import PathError, parse

MOST = 200

_SPLIT = re.compile(r'\s*((?:[^\s"\[]|"(?:[^"\\]|\\.)*"|\[(?:[^\]"]|"(?:[^"\\]|\\.)*")*\])+)')


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseRule:
    """One rule; `kind` is `resource.group` with `*`. `text`: as it was written."""

    kind: str
    path: str
    manager: str = "*"
    text: str = ""

    def condition(self, params: dict[str, object], n: int) -> str:
        """Over (p, m), one changed path and its manager, and the columns of identity."""
        found = []
        if self.kind != "*":
            params[f"noise_kind{n}"] = _like(self.kind)
            found.append(
                f"if(`group` = '', toString(resource), concat(resource, '.', `group`)) LIKE {{noise_kind{n}:String}}"
            )
        if self.path != "*":
            params[f"noise_path{n}"] = path = _like(self.path)
            params[f"noise_below{n}"], params[f"noise_item{n}"] = f"{path}.%", f"{path}[%"
            either = " OR ".join(f"p LIKE {{noise_{name}{n}:String}}" for name in ("path", "below", "item"))
            found.append(f"({either})")
        if self.manager != "*":
            params[f"noise_by{n}"] = _like(self.manager)
            found.append(f"if(m = '', toString(actor_name), toString(m)) LIKE {{noise_by{n}:String}}")
        return " AND ".join(found) or "true"

    def covers(self, kind: str, path: str, manager: str) -> bool:
        """The same of one place, outside the store."""
        below = rf"{_regex(self.path)}(?:[.\[].*)?"
        return (
            re.fullmatch(_regex(self.kind), kind) is not None
            and (self.path == "*" or re.fullmatch(below, path, re.DOTALL) is not None)
            and re.fullmatch(_regex(self.manager), manager, re.DOTALL) is not None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseRules:
    """All of them. `shown`: recorded classes that are not hidden."""

    rules: tuple[NoiseRule, ...] = ()
    shown: tuple[str, ...] = ()

    def covers(self, kind: str, path: str, manager: str) -> bool:
        """Whether one of the rules is about this place of a kind, written by this manager ("" = nobody is known)."""
        return any(each.covers(kind, path, manager) for each in self.rules)

    def recorded(self, noise: str) -> bool:
        """Whether a change of this recorded class is hidden by it."""
        return noise != "" and noise not in self.shown

    def hides(self, params: dict[str, object]) -> str:
        """Whether a row of `changes` or `events` is noise."""
        recorded = "noise != ''"
        if self.shown:
            params["noise_shown"] = list(self.shown)
            recorded = "(noise != '' AND noise NOT IN {noise_shown:Array(String)})"
        if not self.rules:
            return recorded
        return f"({recorded} OR {covered(self.rules, params)})"


NONE = NoiseRules()


def covered(rules: tuple[NoiseRule, ...], params: dict[str, object], first: int = 0) -> str:
    """Whether every changed place of a row is covered by one of the rules."""
    either = " OR ".join(f"({rule.condition(params, n)})" for n, rule in enumerate(rules, start=first))
    return f"(notEmpty(paths) AND arrayAll((p, m) -> {either}, paths, managers))"


def parse_rules(texts: tuple[str, ...]) -> NoiseRules:
    """Raises ValueError with what was expected."""
    if len(texts) > MOST:
        raise ValueError(f"expected at most {MOST} noise rules")
    rules, shown = [], []
    for text in texts:
        words = [] if _SPLIT.sub("", text).strip() else _SPLIT.findall(text)
        if len(words) == 2 and words[0] == "show":
            shown.append(words[1])
        elif len(words) in (2, 3):
            rules.append(rule(words[0], words[1], words[2] if len(words) == 3 else "*"))
        else:
            raise ValueError(
                "expected noise rules such as `deployments.apps spec.replicas hpa-*` or `show status-time`"
            )
    return NoiseRules(rules=tuple(rules), shown=tuple(shown))


def rule(kind: str, path: str, manager: str = "*") -> NoiseRule:
    """Raises ValueError."""
    wanted = path.strip().lstrip(".").removesuffix(".**")
    if "*" not in wanted:
        try:
            parse(wanted)
        except PathError as error:
            raise ValueError(f"expected a path such as status.conditions in a noise rule ({error})") from None
    text = f"{kind} {wanted}" + ("" if manager == "*" else f" {manager}")
    return NoiseRule(kind=kind.lower(), path=wanted, manager=manager, text=text)


def split_rules(text: str) -> tuple[str, ...]:
    """Rules that are joined by commas; commas within brackets and quotes belong to a path."""
    parts = re.findall(r'(?:[^,"\[]|"(?:[^"\\]|\\.)*"|\[(?:[^\]"]|"(?:[^"\\]|\\.)*")*\])+', text)
    return tuple(part.strip() for part in parts if part.strip())


def _regex(pattern: str) -> str:
    return ".*".join(re.escape(part) for part in pattern.split("*"))


def _like(pattern: str) -> str:
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")

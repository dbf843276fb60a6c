"""Which values are no one's to keep: the rules by kind, path, name and pattern, and what operators add to them.

Each default rule has a name by which it can be switched off. A rule of an operator says where to look (`kinds`,
`paths`) or what for (`names`, `pattern`); docs/access.md shows the file. Everything here is a value; what is done with
it stands in `collector.redact_text` and `collector.redact_walk`.

Places of the defaults: the leaks of Argo CD and others through last-applied, annotations, Event messages and Helm
payloads, Kubernetes' own CVE-2019-11252 (credentials in mount errors), and the shapes that vendors publish for tokens.
"""

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from schema.objects import Kind

NAMES: Final = "names"
FIELDS: Final = "fields"
ARGUMENTS: Final = "arguments"
ASSIGNMENTS: Final = "assignments"
URLS: Final = "urls"
HEADERS: Final = "headers"
PRIVATE_KEYS: Final = "private-keys"
KUBECONFIGS: Final = "kubeconfigs"
REGISTRIES: Final = "registry-logins"
JWTS: Final = "jwts"
TOKENS: Final = "tokens"
HELM: Final = "helm-releases"
APPLIED: Final = "applied-copies"

DEFAULTS: Final = {
    NAMES: "the `value` beside a `name` such as DB_PASSWORD (environment, headers), and such keys of ConfigMaps",
    FIELDS: "texts in fields such as `password`, `clientSecret`, `apiKey`, `token`, of any kind",
    ARGUMENTS: "what follows `--password`, `--token` ... as the next argument of a command",
    ASSIGNMENTS: "`password=...`, `api_key: ...` within any text",
    URLS: "user information in URLs (`https://user:password@host`), and Go's `user:password@tcp(host)`",
    HEADERS: "credentials behind Bearer, Basic and Authorization",
    PRIVATE_KEYS: "PEM private keys, plain or in base64",
    KUBECONFIGS: "kubeconfigs with credentials, whole",
    REGISTRIES: "logins of image registries (`.dockerconfigjson`), whole",
    JWTS: "JSON Web Tokens",
    TOKENS: "tokens whose makers gave them a shape: GitHub, GitLab, Slack, Stripe, Vault, npm, Docker, age, AWS",
    HELM: "payloads of Helm releases that are kept in ConfigMaps",
    APPLIED: "copies of a whole manifest in annotations that nobody can look into (Rancher's `applied`)",
}
"""Name of each default rule → what it takes out. Secrets themselves (`data`, `stringData`) are no rule: always."""

_WORDS: Final = (
    r"passw|passphrase|pwd$|token|secret|credential|api[_.-]?key|access[_.-]?key|private[_.-]?key|"
    r"(?:^|[_.-])(?:keys?|auth|dsn|cookie|authorization|pat)$|connection[_.-]?string"
)
_NO_VALUE: Final = (
    r"^(?:pwd|oldpwd)$|public[_.-]?key|tokeniz|max[_.-]?tokens|(?:[_.-])(?:file|path|dir|name|id|ttl|type|mode|enabled?|disabled?|"
    r"ref|header|algorithm|alg|issuer|audience|endpoint|host|port|url|uri|selector|version|count|limit|limits|length|"
    r"size|interval|timeout|duration|expir[a-z]*|namespace|mount|volume|rotation|policy)$"
)
_FIELD_WORDS: Final = (
    r"(?:password|passwd|passphrase|apikey|apitoken|accesstoken|refreshtoken|authtoken|bearertoken|idtoken|"
    r"clientsecret|secretkey|secretaccesskey|sharedsecret|webhooksecret|privatekey|clientkeydata|encryptionkey|"
    r"masterkey|signingkey|connectionstring)$|^(?:token|pwd|credentials|authorization)$"
)
_STEP: Final = re.compile(r'\["([^"]+)"\]|\[\*?\]|([^.\[\]]+)')
_PATH: Final = re.compile(r'[^.\[\]]+(?:\.[^.\[\]]+|\["[^"]+"\]|\[\*?\])*')


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of an operator. `kinds`: `resource.group` patterns, empty = any. At least one of the others is set.

    `paths`: whole values that go, as `data.license`, `spec.items[].key`, `metadata.annotations["a.b/c"]`; `*` is any
    step. `names`: beside the default ones, for `name`/`value` pairs and fields. `pattern`: an expression in RE2's
    syntax, looked for within texts: its group `value` goes, else all of it.
    """

    name: str
    kinds: tuple[str, ...] = ()
    paths: tuple[tuple[str, ...], ...] = ()
    names: tuple[str, ...] = ()
    pattern: str = ""

    def holds(self, kind: Kind | None) -> bool:
        """Whether the rule looks at objects of this kind; None: at a text that belongs to none."""
        return not self.kinds or (kind is not None and any(fnmatchcase(kind.id, one) for one in self.kinds))


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionRules:
    """All rules: the defaults but those in `off`, and an operator's `own`."""

    off: frozenset[str] = frozenset()
    own: tuple[Rule, ...] = ()
    named: re.Pattern[str] = field(init=False, repr=False)
    """What a name says of a secret value."""
    fields: re.Pattern[str] = field(init=False, repr=False)
    """The same for names of fields, without `-`, `_` and `.`, in small letters."""

    def __post_init__(self) -> None:
        unknown = self.off - DEFAULTS.keys()
        if unknown:
            raise ValueError(f"no such rule: {', '.join(sorted(unknown))}; there are {', '.join(DEFAULTS)}")
        own = [re.escape(name) for rule in self.own for name in rule.names]
        ours = "|".join(f"^{name}$" for name in own)
        words = [word for word in (f"(?!.*(?:{_NO_VALUE}))(?:.*(?:{_WORDS}))" if self.on(NAMES) else "", ours) if word]
        plain = "|".join(f"^{_plain(name)}$" for rule in self.own for name in rule.names)
        fields = [word for word in (_FIELD_WORDS if self.on(FIELDS) else "", plain) if word]
        object.__setattr__(self, "named", re.compile("|".join(words) or r"(?!)", re.IGNORECASE))
        object.__setattr__(self, "fields", re.compile("|".join(fields) or r"(?!)"))

    def on(self, name: str) -> bool:
        """Whether this default rule holds."""
        return name not in self.off

    def paths(self, kind: Kind | None) -> list[tuple[str, ...]]:
        """Whole values that go from objects of this kind."""
        found = [path for rule in self.own if rule.holds(kind) for path in rule.paths]
        if self.on(APPLIED):
            found.append(("metadata", "annotations", "objectset.rio.cattle.io/applied"))
        if self.on(HELM) and kind is not None and kind.id == "configmaps":
            found += [("data", "release"), ("binaryData", "release")]
        return found

    def patterns(self, kind: Kind | None) -> list[str]:
        """What an operator looks for within texts of this kind."""
        return [rule.pattern for rule in self.own if rule.pattern and rule.holds(kind)]

    def is_name(self, name: str) -> bool:
        """Whether the value beside this name is a secret: `DB_PASSWORD`, but not `DB_PASSWORD_FILE`."""
        return self.named.match(name) is not None

    def is_field(self, name: str) -> bool:
        """Whether a field of this name holds a secret: `clientSecret`, but not `secretName`."""
        return self.fields.search(_plain(name.rpartition("/")[2])) is not None


def parse_path(text: str) -> tuple[str, ...]:
    """The steps of a path; `*` and `[]` are any. Raises ValueError for what is no path."""
    steps = tuple(found[1] or found[2] or "*" for found in _STEP.finditer(text))
    if len(steps) < 2 or not _PATH.fullmatch(text):
        raise ValueError(f"expected a path such as data.license or spec.items[].key, not {text!r}")
    return steps


def _plain(name: str) -> str:
    return name.lower().translate(_SEPARATORS)


_SEPARATORS: Final = {ord(sign): None for sign in "-_."}

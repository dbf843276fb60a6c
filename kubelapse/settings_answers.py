"""Settings about answers: what they hide as noise, and whether an audit log may tell who did it."""

from pathlib import Path

from kubelapse.setting import Setting, SettingError, flag, path, port


def noise_rules(text: str) -> tuple[str, ...]:
    """Rules such as `deployments.apps spec.replicas hpa-*`, joined by commas; each is read to see that it is one."""
    if not text.strip():
        return ()
    from query.noise_rules import parse_rules, split_rules

    rules = split_rules(text)
    parse_rules(rules)
    return rules


NOISE: Setting[tuple[str, ...]] = Setting(
    name="noise",
    env="KUBELAPSE_NOISE",
    flag="--noise-rule",
    parse=noise_rules,
    repeatable=True,
    help="Hide these changes too, in every answer: `KIND PATH [MANAGER]` with `*`, such as "
    "`deployments.apps spec.replicas hpa-*`; `show CLASS` shows a class that is hidden by itself. "
    "`kubelapse noise suggest` proposes some.",
)
AUDIT_LOG: Setting[bool] = Setting(
    name="audit_log",
    env="KUBELAPSE_AUDIT_LOG",
    flag="--audit-log",
    parse=flag,
    help="Take Kubernetes audit events (`POST /api/v1/audit-log`, `kubelapse audit-log FILE`) and name users, groups, "
    "addresses and user agents in answers. Request bodies are never kept.",
)

AUDIT_LOG_TOKEN_FILE: Setting[Path | None] = Setting(
    name="audit_log_token_file",
    env="KUBELAPSE_AUDIT_LOG_TOKEN_FILE",
    parse=path,
    help="File with a token that audit events must come with (`Authorization: Bearer`); without it they are taken from "
    "this machine only.",
)


def optional_port(text: str) -> int | None:
    """A port, None where none is wanted."""
    return port(text) if text.strip() else None


KUBE_API: Setting[int | None] = Setting(
    name="kube_api",
    env="KUBELAPSE_KUBE_API",
    flag="--kube-api",
    parse=optional_port,
    shown_default="none",
    help="Also serve the history as a read-only Kubernetes API server, on this port of 127.0.0.1; 0 = any.",
)


def audit_token(file: Path | None) -> str:
    """The token in this file, "" without one; raises SettingError."""
    if file is None:
        return ""
    try:
        token = file.read_text().strip()
    except OSError as error:
        raise SettingError(f"KUBELAPSE_AUDIT_LOG_TOKEN_FILE: {file} cannot be read ({error.strerror})") from None
    if not token:
        raise SettingError(f"KUBELAPSE_AUDIT_LOG_TOKEN_FILE: {file} is empty")
    return token


ANSWER_SETTINGS: tuple[Setting[object], ...] = (NOISE, AUDIT_LOG, AUDIT_LOG_TOKEN_FILE, KUBE_API)

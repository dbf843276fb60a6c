"""Settings about who may ask, and what they may see (docs/access.md)."""

from pathlib import Path

from kubelapse.setting import Setting, SettingError, flag, names, path, seconds, server_url


def rate(text: str) -> float:
    """Requests per second; 0 = no limit."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1_000_000:
        raise ValueError("expected a number of requests per second such as 50 (0 = no limit)")
    return found


def issuer(text: str) -> str:
    """The issuer of ID tokens, as it stands in them."""
    if text and not text.startswith("https://") and not text.startswith("http://127.0.0.1:"):
        raise ValueError("expected an https:// URL")
    return text


AUTH_TOKENS_FILE: Setting[Path | None] = Setting(
    name="auth_tokens_file",
    env="KUBELAPSE_AUTH_TOKENS_FILE",
    parse=path,
    help="TOML file with the SHA-256 of tokens for machines, and what each may see.",
)
AUTH_KUBERNETES: Setting[bool] = Setting(
    name="auth_kubernetes",
    env="KUBELAPSE_AUTH_KUBERNETES",
    parse=flag,
    help="Callers show a token of the cluster (TokenReview) and see what they may `list` there (SubjectAccessReview). "
    "Needs the ClusterRole `system:auth-delegator`.",
)
AUTH_AUDIENCES: Setting[tuple[str, ...]] = Setting(
    name="auth_audiences",
    env="KUBELAPSE_AUTH_AUDIENCES",
    parse=names,
    shown_default="the API server's own",
    help="Audiences that tokens of the cluster must be meant for.",
)
AUTH_CLUSTERS: Setting[tuple[str, ...]] = Setting(
    name="auth_clusters",
    env="KUBELAPSE_AUTH_CLUSTERS",
    parse=names,
    shown_default="the only recorded one",
    help="Recorded clusters for which the rights in the asked cluster hold.",
)
AUTH_OIDC_ISSUER: Setting[str] = Setting(
    name="auth_oidc_issuer",
    env="KUBELAPSE_AUTH_OIDC_ISSUER",
    parse=issuer,
    help="Issuer of ID tokens (OpenID Connect) of people.",
)
AUTH_OIDC_AUDIENCE: Setting[str] = Setting(
    name="auth_oidc_audience",
    env="KUBELAPSE_AUTH_OIDC_AUDIENCE",
    parse=str,
    help="The client id that ID tokens must be meant for; without it none is accepted.",
)
AUTH_OIDC_USER: Setting[str] = Setting(
    name="auth_oidc_user",
    env="KUBELAPSE_AUTH_OIDC_USER",
    default="sub",
    parse=str,
    help="Claim that is the user's name, as in `--oidc-username-claim` of the API server; `email` must be verified.",
)
AUTH_OIDC_GROUPS: Setting[str] = Setting(
    name="auth_oidc_groups",
    env="KUBELAPSE_AUTH_OIDC_GROUPS",
    default="groups",
    parse=str,
    help="Claim that lists the user's groups.",
)
AUTH_OIDC_PREFIX: Setting[str] = Setting(
    name="auth_oidc_prefix",
    env="KUBELAPSE_AUTH_OIDC_PREFIX",
    default="oidc:",
    parse=str,
    help="What stands before users and groups of ID tokens, as bindings of the cluster name them.",
)
AUTH_OIDC_SECRET_FILE: Setting[Path | None] = Setting(
    name="auth_oidc_secret_file",
    env="KUBELAPSE_AUTH_OIDC_SECRET_FILE",
    parse=path,
    help="File with the secret of the client that browsers sign in with; without it the client is a public one (PKCE).",
)
AUTH_OIDC_SCOPES: Setting[tuple[str, ...]] = Setting(
    name="auth_oidc_scopes",
    env="KUBELAPSE_AUTH_OIDC_SCOPES",
    parse=names,
    shown_default="those of openid, profile, email, groups that the issuer knows",
    help="Scopes that a sign-in asks for; with `offline_access` some providers let sessions go on for longer.",
)
AUTH_OIDC_CALLBACK: Setting[str] = Setting(
    name="auth_oidc_callback",
    env="KUBELAPSE_AUTH_OIDC_CALLBACK",
    parse=server_url,
    shown_default="`https://` (on loopback `http://`), the host as the browser names it, `/auth/callback`",
    help="Address of `/auth/callback` as browsers reach it, and as the issuer knows it. Needed behind a path prefix.",
)
AUTH_SESSION: Setting[float] = Setting(
    name="auth_session",
    env="KUBELAPSE_AUTH_SESSION",
    default="12h",
    parse=seconds,
    help="How long a browser stays signed in at most. It also ends with its token, and after an hour without use.",
)
AUTH_EVERYTHING: Setting[tuple[str, ...]] = Setting(
    name="auth_everything",
    env="KUBELAPSE_AUTH_EVERYTHING",
    parse=names,
    help="Who sees everything of every cluster and writes pins and notes: `user:NAME`, `group:NAME`, with prefix.",
)
AUTH_RATE: Setting[float] = Setting(
    name="auth_rate",
    env="KUBELAPSE_AUTH_RATE",
    default="50",
    parse=rate,
    help="Requests per second of one signed-in caller; twice as many at once. 0 = no limit.",
)
TOKEN_FILE: Setting[Path | None] = Setting(
    name="token_file",
    env="KUBELAPSE_TOKEN_FILE",
    parse=path,
    help="File with the token that reading commands show a server which asks for one.",
)

AUTH_SETTINGS: tuple[Setting[object], ...] = (
    AUTH_TOKENS_FILE,
    AUTH_KUBERNETES,
    AUTH_AUDIENCES,
    AUTH_CLUSTERS,
    AUTH_OIDC_ISSUER,
    AUTH_OIDC_AUDIENCE,
    AUTH_OIDC_USER,
    AUTH_OIDC_GROUPS,
    AUTH_OIDC_PREFIX,
    AUTH_OIDC_SECRET_FILE,
    AUTH_OIDC_SCOPES,
    AUTH_OIDC_CALLBACK,
    AUTH_SESSION,
    AUTH_EVERYTHING,
    AUTH_RATE,
    TOKEN_FILE,
)


def client_secret(file: Path | None) -> str:
    """The secret in this file, "" without one; raises SettingError."""
    if file is None:
        return ""
    try:
        secret = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingError(f"KUBELAPSE_AUTH_OIDC_SECRET_FILE: {file} cannot be read ({said})") from None
    if not secret:
        raise SettingError(f"KUBELAPSE_AUTH_OIDC_SECRET_FILE: {file} is empty")
    return secret

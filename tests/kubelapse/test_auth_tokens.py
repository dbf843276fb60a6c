"""Static tokens, ID tokens, and what a server refuses to begin without."""

import hashlib
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from kubelapse.auth.discovery import Discovery
from kubelapse.auth.logins import ServerLogins, check_host, logins
from kubelapse.auth.oidc import Issuer
from kubelapse.auth.reviews import User
from kubelapse.auth.tokens import StaticTokens, read_tokens
from kubelapse.setting import SettingError
from kubelapse.settings import Settings
from query.access import EVERYTHING, NOTHING
from query.callers import LoginUnavailable
from tests.fakes.store import FakeStore

ISSUER, AUDIENCE = "https://sso.example.org", "kubelapse"
KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def settings(**environ: str) -> Settings:
    return Settings(flags={}, environ=environ, file={})


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "tokens.toml"
    file.write_text(text)
    return file


def entry(name: str, token: str, more: str) -> str:
    return f'[[token]]\nname = "{name}"\nsha256 = "{hashlib.sha256(token.encode()).hexdigest()}"\n{more}\n'


def test_a_token_stands_for_its_entry_and_what_it_may_see(tmp_path: Path) -> None:
    scoped = 'namespaces = ["shop", "_"]\nkinds = ["pods", "deployments.apps", "nodes"]'
    found = read_tokens(written(tmp_path, entry("ci", "t-1", scoped) + entry("root", "t-2", "everything = true")))
    caller = found.find("t-1")
    assert caller is not None
    assert caller.name == "token:ci"
    assert caller.reach.allows("any", ("deployments", "apps"), "shop")
    assert caller.reach.allows("any", ("nodes", ""), "")
    assert not caller.reach.allows("any", ("pods", ""), "other")
    assert not caller.reach.allows("any", ("secrets", ""), "shop")
    root = found.find("t-2")
    assert root is not None
    assert root.reach == EVERYTHING
    assert found.find("t-3") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "hold \\[\\[token\\]\\]"),
        ("token = 1", "hold \\[\\[token\\]\\]"),
        ('[[token]]\nname = "a"\nsha256 = "secret"\neverything = true', "needs a name and the sha256"),
        (entry("a", "t", ""), "does not say what it may see"),
        (entry("a", "t", "namespace = []"), "unknown key 'namespace'"),
        (entry("a", "t", 'everything = "yes"'), "true or false"),
        (entry("a", "t", 'kinds = "pods"'), "a list of names"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_place(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingError, match=sentence):
        read_tokens(written(tmp_path, text))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "kubelapse.example.org"])
def test_nothing_listens_beyond_loopback_without_login(host: str) -> None:
    with pytest.raises(SettingError, match="would show the whole history to everybody"):
        check_host(settings(KUBELAPSE_HOST=host))
    check_host(settings(KUBELAPSE_HOST=host, KUBELAPSE_AUTH_KUBERNETES="true"))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
async def test_on_loopback_nobody_signs_in_unless_asked_to(host: str) -> None:
    assert await logins(settings(KUBELAPSE_HOST=host), FakeStore()) is None


async def test_an_issuer_needs_an_audience() -> None:
    with pytest.raises(SettingError, match="KUBELAPSE_AUTH_OIDC_AUDIENCE"):
        await logins(settings(KUBELAPSE_AUTH_OIDC_ISSUER=ISSUER), FakeStore())


async def test_browsers_are_sent_to_an_issuer_with_a_secret_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    wanted = {
        "KUBELAPSE_AUTH_OIDC_ISSUER": f"{ISSUER}/realms/a",
        "KUBELAPSE_AUTH_OIDC_AUDIENCE": AUDIENCE,
        "KUBELAPSE_AUTH_OIDC_SECRET_FILE": str(file),
    }
    with pytest.raises(SettingError, match="cannot be read"):
        await logins(settings(**wanted), FakeStore())
    file.write_text("\n")
    with pytest.raises(SettingError, match="is empty"):
        await logins(settings(**wanted), FakeStore())
    file.write_text("s3cret\n")
    found = await logins(settings(**wanted), FakeStore())
    assert found is not None
    assert found.provider is not None
    assert found.provider.name == "sso.example.org"


def id_token(key: Any = KEY, kid: str = "k1", **claims: Any) -> str:
    now = int(time.time())
    told = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 60, "groups": ["sre"], **claims}
    told = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(told, key, algorithm="ES256", headers={"kid": kid})


class Web:
    """The issuer's own pages; counts how often its keys are asked for."""

    def __init__(self) -> None:
        self.asked = 0
        self.status = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("openid-configuration"):
            body: Any = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}
        else:
            self.asked += 1
            public = jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
            body = {"keys": [{"kty": "strange"}, {**public, "kid": "k1", "alg": "ES256", "use": "sig"}]}
        return httpx.Response(self.status, json=body)


def issuer(web: Web, user: str = "sub", prefix: str = "oidc:") -> Issuer:
    discovery = Discovery(ISSUER, clock=time.monotonic, transport=httpx.MockTransport(web))
    return Issuer(discovery, audience=AUDIENCE, user=user, groups="groups", prefix=prefix)


async def test_an_id_token_names_user_and_groups_with_the_prefix() -> None:
    found = issuer(Web())
    assert found.issued(id_token())
    assert await found.user(id_token()) == User(name="oidc:ann", groups=("oidc:sre", "system:authenticated"))


@pytest.mark.parametrize(
    "token",
    [
        id_token(aud="another"),
        id_token(aud=None),
        id_token(iss="https://evil.example.org"),
        id_token(exp=int(time.time()) - 3600),
        id_token(exp=None),
        id_token(sub=None),
        id_token(sub=""),
        id_token(nbf=int(time.time()) + 3600),
        id_token(key=OTHER),
        id_token(kid="unknown"),
        jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "sub": "ann"}, "x" * 32, algorithm="HS256", headers={"kid": "k1"}),
        jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "sub": "ann"}, "", algorithm="none", headers={"kid": "k1"}),
        "a.b.c",
        "",
    ],
)
async def test_an_id_token_that_is_not_for_us_now_and_signed_is_nobodys(token: str) -> None:
    assert await issuer(Web()).user(token) is None


async def test_an_address_counts_only_when_it_was_verified() -> None:
    told = issuer(Web(), user="email")
    assert await told.user(id_token(email="a@example.org")) is None
    found = await told.user(id_token(email="a@example.org", email_verified=True))
    assert found is not None
    assert found.name == "oidc:a@example.org"


async def test_nobody_becomes_a_user_or_a_group_of_the_cluster_itself() -> None:
    told = issuer(Web(), prefix="")
    found = await told.user(id_token(groups=["system:masters", "sre"]))
    assert found == User(name="ann", groups=("sre", "system:authenticated"))
    assert await told.user(id_token(sub="system:admin")) is None


async def test_unknown_keys_do_not_make_us_ask_the_issuer_again_and_again() -> None:
    web = Web()
    told = issuer(web)
    for number in range(20):
        assert await told.user(id_token(kid=f"k{number + 2}")) is None
    assert web.asked == 1


async def test_an_issuer_that_is_away_lets_nobody_in() -> None:
    web = Web()
    web.status = 503
    told = issuer(web)
    for _ in range(3):
        with pytest.raises(LoginUnavailable):
            await told.user(id_token())


async def test_who_is_known_and_has_no_rights_sees_nothing_and_who_is_named_everything() -> None:
    for named, reach in (("group:oidc:sre", EVERYTHING), ("user:oidc:bob", NOTHING)):
        caller = await ServerLogins(StaticTokens(()), issuer(Web()), None, [named]).admit(id_token())
        assert caller is not None
        assert caller.reach == reach

"""Places where people leave secrets, each with one of its own, as objects that an API server takes and serves.

`tests/collector/test_redact_places.py` sends them through the collector, `tests/e2e/test_canaries.py` through a real
API server and all the rest, `tests/e2e/test_canaries_kafka.py` through Kafka, too. What a test that uses them leaves on
disk is searched for them (`tests/conftest.py`).
"""

import base64
import gzip
import textwrap
from dataclasses import dataclass
from urllib.parse import quote

import orjson

from schema.canonical import Json, JsonObject

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_NO_KEY = "MIIEowIBAAKCAQEAx"
"""How the base64 of a private key begins; none of these is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """`resource`: of the core or apps group; `body`: beside `metadata.name`; `secrets`: what must not be kept."""

    name: str
    resource: str
    body: JsonObject
    secrets: tuple[str, ...]


def secret(number: int) -> str:
    """A value that no other text holds: letters and digits, as tokens are."""
    return f"cAnArY{number:02d}x{number * 7919:05d}Zq8w"


def b64(text: str | bytes) -> str:
    """Standard base64."""
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def jwt(number: int) -> str:
    """Three parts, the last one a secret; the first two say nothing."""
    head = base64.urlsafe_b64encode(b'{"alg":"RS256","kid":"none"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(b'{"iss":"kubernetes/serviceaccount"}').decode().rstrip("=")
    return f"{head}.{body}.{secret(number)}"


def pem(number: int) -> str:
    """A block that says it is a private key."""
    body = "\n".join(textwrap.wrap(_NO_KEY + secret(number) + "A" * 60, 64))
    return f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n"


def kubeconfig(number: int) -> str:
    """With a client key and a token."""
    return textwrap.dedent(f"""\
        apiVersion: v1
        kind: Config
        clusters: [{{name: c, cluster: {{server: "https://10.0.0.1"}}}}]
        users:
        - name: admin
          user:
            client-key-data: {b64(pem(number))}
            token: >-
              {secret(number)}
        """)


def helm(number: int) -> str:
    """A release as Helm keeps it in a ConfigMap."""
    release = {"name": "shop", "config": {"db": {"password": secret(number)}}, "manifest": f"pw: {secret(number)}"}
    return b64(gzip.compress(orjson.dumps(release), mtime=0))


def pod(container: JsonObject, **spec: Json) -> JsonObject:
    """A pod that no node will ever run."""
    made: JsonObject = {"name": "app", "image": "registry.k8s.io/pause:3.10", **container}
    return {"spec": {"nodeSelector": {"none": "such"}, "containers": [made], **spec}}


def annotated(**annotations: str) -> JsonObject:
    """Annotations of a ConfigMap; `__` stands for `/`."""
    return {"metadata": {"annotations": {name.replace("__", "/"): text for name, text in annotations.items()}}}


def applied(manifest: object) -> JsonObject:
    """kubectl's annotation."""
    return {"metadata": {"annotations": {LAST_APPLIED: orjson.dumps(manifest).decode() + "\n"}}}


def _config(**data: str) -> JsonObject:
    return {"data": {name.replace("__", "."): text for name, text in data.items()}}


def _env(name: str, value: str) -> JsonObject:
    return {"env": [{"name": "PLAIN", "value": "stays"}, {"name": name, "value": value}]}


def canaries() -> list[Canary]:
    """All of them; names are numbered from c01."""
    s = secret
    found: list[tuple[str, JsonObject, int]] = [
        ("secrets", {"data": {"password": b64(s(1))}}, 1),
        ("secrets", {"stringData": {"password": s(2)}, **applied({"kind": "Secret", "stringData": {"p": s(2)}})}, 2),
        ("secrets", {"data": {"p": b64(s(3))}, **annotated(example__copy=f"it is {s(3)}", example__b=b64(s(3)))}, 3),
        ("secrets", {"type": "helm.sh/release.v1", "data": {"release": b64(helm(4))}}, 4),
        ("configmaps", applied({"kind": "Secret", "data": {"p": b64(s(5))}, "stringData": {"q": s(5)}}), 5),
        ("configmaps", {**_config(release=helm(6)), "metadata": {"labels": {"owner": "helm"}}}, 6),
        ("configmaps", _config(config=kubeconfig(7)), 7),
        ("configmaps", _config(tls__key=pem(8), tls__b64=b64(pem(8))), 8),
        ("configmaps", _config(DB_PASSWORD=s(9), api_token=s(9)), 9),
        ("configmaps", _config(url=f"postgres://shop:{s(10)}@db:5432/shop", dsn=f"root:{s(10)}@tcp(db:3306)/x"), 10),
        (
            "configmaps",
            _config(app__properties=f"db.user=shop\ndb.password={s(11)}\nspring.secret-key: '{s(11)}'\n"),
            11,
        ),
        ("configmaps", _config(app__yaml=f"db:\n  password: {s(12)}\nenv:\n- name: API_TOKEN\n  value: {s(12)}\n"), 12),
        ("configmaps", _config(app__json=orjson.dumps({"a": [{"clientSecret": s(13)}]}).decode()), 13),
        (
            "configmaps",
            _config(docker=orjson.dumps({"auths": {"r.example": {"auth": b64(f"u:{s(14)}")}}}).decode()),
            14,
        ),
        ("configmaps", {"binaryData": {"release": helm(15)}}, 15),
        ("configmaps", annotated(example__token=jwt(16)), 16),
        ("configmaps", annotated(example__hook=f"https://{s(17)}@git.example/x", example__api_key=s(17)), 17),
        ("configmaps", annotated(example__header=f"Authorization: Bearer {s(18)}", b=f"Basic {b64('u:' + s(18))}"), 18),
        ("pods", pod(_env("DB_PASSWORD", s(19))), 19),
        ("pods", pod({"args": ["--password", s(20), f"--api-token={s(20)}"], "command": ["sh", "-c", "run"]}), 20),
        ("pods", pod({"command": ["sh", "-c", f"curl -H 'Authorization: Bearer {s(21)}' https://u:{s(21)}@x/"]}), 21),
        (
            "pods",
            {**pod(_env("AWS_SECRET_ACCESS_KEY", s(22))), **applied(pod(_env("AWS_SECRET_ACCESS_KEY", s(22))))},
            22,
        ),
        (
            "pods",
            pod({"livenessProbe": {"httpGet": {"port": 80, "httpHeaders": [{"name": "X-Api-Key", "value": s(23)}]}}}),
            23,
        ),
        ("deployments", {"spec": _deployment(pod(_env("GITHUB_TOKEN", f"ghp_{s(24)}{'A' * 16}")))}, 24),
        ("serviceaccounts", annotated(**{"openshift.io__token-secret.value": jwt(25)}, example__password=s(25)), 25),
        ("configmaps", annotated(**{"objectset.rio.cattle.io__applied": helm(26)}), 26),
        ("configmaps", annotated(example__slack=f"xoxb-{s(27)}", example__last=_nested(27)), 27),
    ]
    return [Canary(name=f"c{n:02d}", resource=kind, body=body, secrets=_held(n)) for kind, body, n in found]


def _deployment(template: JsonObject) -> JsonObject:
    labels: JsonObject = {"app": "canary"}
    return {
        "replicas": 0,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, **template},
    }


def _nested(number: int) -> str:
    """A manifest in a manifest, both as text."""
    inner = orjson.dumps(pod(_env("TOKEN", secret(number)))).decode()
    return orjson.dumps({"metadata": {"annotations": {LAST_APPLIED: inner}}}, option=orjson.OPT_INDENT_2).decode()


def _held(number: int) -> tuple[str, ...]:
    extra = (helm(number), helm(number)[20:60]) if number in (4, 6, 15, 26) else ()
    return (secret(number), *extra)


def forms(text: str) -> set[str]:
    """A secret as it may stand somewhere: plain, quoted for URLs, in base64 at each of its three offsets."""
    raw = text.encode()
    shifted = {base64.b64encode(b"x" * shift + raw).decode()[4 if shift else 0 : -4] for shift in range(3)}
    return {text, quote(text, safe=""), raw.hex(), *(one for one in shifted if len(one) > 10)}


SAID = 90
"""The canary of what an Event says."""


def said() -> str:
    """What an Event says."""
    return f"Error: cannot mount: password={secret(SAID)} was refused by https://ann:{secret(SAID)}@registry.example/"


def needles() -> list[str]:
    """Every form of every canary: none of them may stand anywhere."""
    held = [*(one for canary in canaries() for one in canary.secrets), secret(SAID)]
    return sorted({form for one in held for form in forms(one)})

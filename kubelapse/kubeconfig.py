"""A kubeconfig for one moment, in a directory of its own that nobody else can read.

kubectl keeps what it learns of a server per URL; its cache is put there too (`KUBECACHEDIR`), so that nothing of the
past is left behind.

To a server without TLS kubectl sends no token, whatever a kubeconfig says (client-go tools/clientcmd client_config.go:
credentials are read "only if we are secure"). Go's HTTP client sends what stands in the URL, and keeps it out of its
errors; so that is where the token stands for such a server. Other clients take it from the file.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import yaml


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """`environ`: what a program must be given to see the moment."""

    path: Path
    environ: Mapping[str, str]


def face_url(server: str, cluster: str, moment: str) -> str:
    """The API server's URL: `http://127.0.0.1:7117/kube/prod/2026-01-31T12:00:00Z`; `now` is a moment too."""
    return f"{server.rstrip('/')}/kube/{quote(cluster, safe='@')}/{quote(moment, safe=':')}"


@contextmanager
def kubeconfig(server: str, cluster: str, moment: str, token_file: Path | None = None) -> Iterator[Kubeconfig]:
    """Written for as long as it is used. `token_file`: holds what is shown to a server that asks for a token."""
    url = face_url(server if token_file is None else _with_token(server, token_file), cluster, moment)
    user = {} if token_file is None else {"tokenFile": str(token_file.resolve())}
    name = f"{cluster}@{moment}"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": url}}],
        "users": [{"name": "reader", "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "reader"}}],
        "current-context": name,
    }
    with tempfile.TemporaryDirectory(prefix="kubelapse-shell-") as directory:  # mkdtemp: 0700
        path = Path(directory) / "config"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        cache = str(Path(directory) / "cache")
        yield Kubeconfig(path, {"KUBECONFIG": str(path), "KUBECACHEDIR": cache, "KUBELAPSE_AT": moment})


def _with_token(server: str, token_file: Path) -> str:
    """The server's URL, with the token where kubectl would not send it otherwise."""
    asked = urlsplit(server)
    if asked.scheme != "http":
        return server
    return asked._replace(netloc=f"reader:{quote(token_file.read_text().strip(), safe='')}@{asked.netloc}").geturl()


def prompt(shell: str, directory: Path, hint: str, own: str = "") -> tuple[list[str], dict[str, str]]:
    """How to start this shell so that its prompt begins with the hint: arguments and variables. `own`: the ZDOTDIR."""
    if Path(shell).name == "bash":
        lines = ["[ -f ~/.bashrc ] && . ~/.bashrc", f'PS1="({hint}) $PS1"', ""]
        rc = directory / "bashrc"
        rc.write_text("\n".join(lines), encoding="utf-8")
        return [shell, "--rcfile", str(rc), "-i"], {}
    if Path(shell).name == "zsh":
        home = '"${KUBELAPSE_ZDOTDIR:-$HOME}"'
        rc = directory / ".zshrc"
        rc.write_text(f'ZDOTDIR={home}\n[ -f "$ZDOTDIR/.zshrc" ] && . "$ZDOTDIR/.zshrc"\nPS1="({hint}) $PS1"\n')
        return [shell, "-i"], {"ZDOTDIR": str(directory), "KUBELAPSE_ZDOTDIR": own}
    return [shell], {"PS1": f"({hint}) $ "}

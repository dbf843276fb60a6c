"""Manifests from where people keep them: files, a Git revision, a Helm chart, a kustomization.

Only the command line reads files and runs programs, and only the user's own: `git`, `helm`, `kustomize` (or `kubectl`).
The server gets documents, and of Secrets no values. Programs get no shell and nothing on stdin, and have a time limit.
"""

import io
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import yaml

from query.errors import BadReference
from query.manifests import flattened, without_secrets

if TYPE_CHECKING:
    from schema.canonical import Json, JsonObject

PATIENCE: Final = 120.0
LARGEST: Final = 256 << 20
SOURCES: Final = ("file", "git", "helm", "kustomize", "template")
_SUFFIXES: Final = (".yaml", ".yml", ".json")
_Base: Final[type[yaml.SafeLoader]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class RenderError(Exception):
    """The manifests cannot be had; one sentence that says what to do."""


class _Loader(_Base):  # type: ignore[misc,valid-type]  # the C loader where there is one
    """YAML as Kubernetes reads it: what looks like a date is a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _Base.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """Documents with where they came from, in words. `part`: how they are sent."""

    part: Literal["manifests", "template"]
    documents: "list[JsonObject]"
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`namespace`: for Helm. `release`, `values`: of a chart. `stdin`: what `-` reads."""

    namespace: str = ""
    release: str = ""
    values: Sequence[str] = ()
    stdin: Callable[[], str] = lambda: sys.stdin.read()  # the stdin of the moment


def is_rendered(baseline: str) -> bool:
    """Whether these words of a baseline are for this module."""
    return baseline.partition(":")[0] in SOURCES and ":" in baseline


def render(baseline: str, options: Options) -> Rendered:
    """`file:PATH` and the others as documents. Raises RenderError."""
    sort, _, value = baseline.partition(":")
    if not value:
        raise RenderError(f"{baseline!r} names nothing: write {sort}:PATH")
    texts = {"file": _files, "template": _files, "git": _git, "helm": _helm, "kustomize": _kustomize}[sort](
        value, options
    )
    try:
        documents = flattened([each for name, text in texts for each in _parsed(name, text)])
    except BadReference as error:
        raise RenderError(f"{value}: {error} {error.hint}") from None
    if not documents:
        raise RenderError(f"{value} holds no manifests")
    part: Literal["manifests", "template"] = "template" if sort == "template" else "manifests"
    return Rendered(part=part, documents=[without_secrets(each) for each in documents], source=baseline)


def _parsed(name: str, text: str) -> "Iterator[Json]":
    """The documents of one file."""
    try:
        yield from (each for each in yaml.load_all(text, _Loader) if each is not None)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise RenderError(f"{name}:{place} does not parse: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise RenderError(f"{name} does not parse: {str(error)[:200]}") from None


# ---- files -----------------------------------------------------------------------------------------------------------


def _files(value: str, options: Options) -> list[tuple[str, str]]:
    """A file, a folder with everything below it, or stdin."""
    if value == "-":
        return [("stdin", options.stdin())]
    top = Path(value).expanduser()
    if not top.exists():
        raise RenderError(f"there is no file or folder {value}")
    paths = sorted(each for each in top.rglob("*") if _is_manifest(each)) if top.is_dir() else [top]
    if any(each.name in ("kustomization.yaml", "kustomization.yml") for each in paths):
        raise RenderError(f"{value} is a kustomization: use kustomize:{value}")
    if not paths:
        raise RenderError(f"{value} holds no {', '.join(_SUFFIXES)} files")
    return [(str(path), _text(path.read_bytes(), str(path))) for path in paths]


def _is_manifest(path: Path) -> bool:
    """By its ending; nothing of hidden folders such as .git."""
    hidden = any(part.startswith(".") and part.strip(".") for part in path.parts[:-1])
    return path.suffix in _SUFFIXES and path.is_file() and not hidden


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RenderError(f"{name} is no UTF-8 text") from None


# ---- git -------------------------------------------------------------------------------------------------------------


def _git(value: str, _options: Options) -> list[tuple[str, str]]:
    """`REV:PATH` of the checkout that PATH lies in: files as they are in that revision."""
    revision, _, path = value.partition(":")
    if not revision or not path or revision.startswith("-"):
        raise RenderError(f"git:{value} names no revision and path: write git:REV:PATH")
    place = Path(path).expanduser()
    inside = place if place.is_dir() else place.parent
    while not inside.exists() and inside != inside.parent:  # what the revision has may be gone from the checkout
        inside = inside.parent
    spec = str(place.resolve().relative_to(inside.resolve()))
    data = _run(["git", "-C", str(inside), "archive", "--format=tar", revision, "--", spec], "a Git revision")
    found = []
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            if member.isfile() and Path(member.name).suffix in _SUFFIXES and (file := archive.extractfile(member)):
                name = f"{revision}:{member.name}"
                found.append((name, _text(file.read(), name)))
    if not found:
        raise RenderError(f"{revision} holds no {', '.join(_SUFFIXES)} files in {path}")
    return found


# ---- Helm and Kustomize ----------------------------------------------------------------------------------------------


def _helm(value: str, options: Options) -> list[tuple[str, str]]:
    """Without hooks, which run and are gone."""
    name = options.release or Path(value.rstrip("/")).name
    command = ["helm", "template", name, value, "--no-hooks"]
    command += ["--namespace", options.namespace] if options.namespace else []
    command += [part for each in options.values for part in ("--values", each)]
    return [(f"helm template {name}", _text(_run(command, "a Helm chart"), value))]


def _kustomize(value: str, _options: Options) -> list[tuple[str, str]]:
    if shutil.which("kustomize") is None and shutil.which("kubectl"):
        return [(f"kustomize {value}", _text(_run(["kubectl", "kustomize", value], "a kustomization"), value))]
    return [(f"kustomize {value}", _text(_run(["kustomize", "build", value], "a kustomization"), value))]


def _run(command: Sequence[str], what: str) -> bytes:
    """What a program writes; its own words where it fails."""
    if any(part.startswith("-") for part in command[2:4] if command[0] != "git"):
        raise RenderError(f"{command[2]!r} is not a name or path")
    if shutil.which(command[0]) is None:
        raise RenderError(
            f"{what} needs the program {command[0]}, which is not on the PATH: install it, or render to a file"
        )
    try:
        done = subprocess.run(
            list(command), capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise RenderError(f"{command[0]} did not end within {PATIENCE:.0f} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-500:]
        raise RenderError(f"{command[0]} failed ({done.returncode}): {said or 'it said nothing'}")
    if len(done.stdout) > LARGEST:
        raise RenderError(f"{command[0]} wrote more than {LARGEST >> 20} MB")
    return done.stdout

"""One object as YAML, the way people read manifests: apiVersion, kind and metadata first, long texts as blocks."""

import orjson
import yaml
from yaml.nodes import ScalarNode

from schema.canonical import Json

_FIRST = ("apiVersion", "kind", "metadata", "type", "spec", "data", "stringData")


class _Dumper(yaml.CSafeDumper):
    """Blocks for texts of several lines; no anchors for parts that happen to be the same."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # the base class names it
        """Never an alias: `&id001` is noise to readers."""
        return True


def _text(dumper: _Dumper, text: str) -> ScalarNode:
    # A block cannot hold trailing spaces before a line break without surprising its reader.
    block = "\n" in text and " \n" not in text and "\t" not in text
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if block else None)


_Dumper.add_representer(str, _text)


def dump(document: bytes) -> bytes:
    """YAML of an object's JSON."""
    found: Json = orjson.loads(document)
    text: str = yaml.dump(
        _ordered(found), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=120
    )
    return text.encode()


def _ordered(document: Json) -> Json:
    if not isinstance(document, dict):
        return document
    first = {key: document[key] for key in _FIRST if key in document}
    return first | document

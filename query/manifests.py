"""Manifests as documents: lists opened up, and Secrets without their values. Pure; the command line uses it too."""

from collections.abc import Sequence
from typing import Final

from query.errors import BadReference
from schema.canonical import Json, JsonObject

MOST_DOCUMENTS: Final = 20_000
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
HIDDEN: Final = "***"
"""What stands for a Secret's value in a manifest: it is never sent, and never stored."""


def flattened(documents: Sequence[Json]) -> list[JsonObject]:
    """Lists opened up. Raises BadReference for what is no Kubernetes object."""
    found: list[JsonObject] = []
    for number, each in enumerate(documents, 1):
        if each is None:
            continue
        if not isinstance(each, dict) or not isinstance(each.get("kind"), str):
            raise BadReference(
                f"Document {number} is no Kubernetes object.", "Each needs apiVersion, kind and metadata."
            )
        items = each.get("items")
        if str(each["kind"]).endswith("List") and isinstance(items, list):
            found.extend(flattened(items))
        else:
            found.append(each)
    if len(found) > MOST_DOCUMENTS:
        raise BadReference(f"{len(found)} objects are too many.", f"{MOST_DOCUMENTS} are the most in one question.")
    return found


def without_secrets(document: JsonObject) -> JsonObject:
    """A Secret's manifest without its values: which keys there are can be compared, what they hold cannot."""
    if document.get("kind") != "Secret" or document.get("apiVersion") != "v1":
        return document
    kept = {name: value for name, value in document.items() if name not in ("data", "stringData")}
    keys: JsonObject = {}
    for part in ("data", "stringData"):
        values = document.get(part)
        keys |= dict.fromkeys(values if isinstance(values, dict) else (), HIDDEN)
    metadata = kept.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if isinstance(metadata, dict) and isinstance(annotations, dict) and LAST_APPLIED in annotations:
        own = {name: value for name, value in annotations.items() if name != LAST_APPLIED}
        kept["metadata"] = {**metadata, "annotations": own}
    return {**kept, "data": keys} if keys else kept

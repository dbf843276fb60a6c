"""Redacted values in an object (`schema.markers`) and how they are shown: changed or the same, never themselves."""

from typing import TYPE_CHECKING

from schema.markers import comparable, key_of, keys_in

if TYPE_CHECKING:
    from schema.canonical import Json, JsonObject

NOT_COMPARABLE = "*** (redacted under different keys: not comparable)"


def redacted_places(value: "Json", place: str = "") -> list[str]:
    """The paths under which markers stand."""
    if isinstance(value, str):
        return [place] if keys_in(value) else []
    if isinstance(value, dict):
        return [hit for key, part in value.items() for hit in redacted_places(part, f"{place}.{key}" if place else key)]
    if isinstance(value, list):
        return [hit for index, part in enumerate(value) for hit in redacted_places(part, f"{place}[#{index}]")]
    return []


def without_markers(value: "Json") -> "Json":
    """The value with every key left out whose text is redacted, or holds something that is."""
    if isinstance(value, dict):
        return {
            key: without_markers(part) for key, part in value.items() if not (isinstance(part, str) and keys_in(part))
        }
    if isinstance(value, list):
        return [without_markers(part) for part in value if not (isinstance(part, str) and keys_in(part))]
    return value


def masked(before: "Json", after: "Json") -> "tuple[Json, Json]":
    """Both sides with `***` for markers: `*** (before)` and `*** (after)` where they differ, as in kubectl diff.

    Where only the keys of markers differ, both sides get the same text: that is no difference anyone knows of.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        return _masked_objects(before, after)
    if isinstance(before, list) and isinstance(after, list):
        # Where entries were added or removed, positions do not pair up; then each side is masked alone.
        pairs = [masked(a, b) for a, b in zip(before, after, strict=False)]
        return (
            [a for a, _ in pairs] + [_alone(a, "before") for a in before[len(pairs) :]],
            [b for _, b in pairs] + [_alone(b, "after") for b in after[len(pairs) :]],
        )
    if isinstance(before, str) and isinstance(after, str):
        if not comparable(before, after):
            return NOT_COMPARABLE, NOT_COMPARABLE
        if key_of(before) and key_of(after):
            return ("***", "***") if before == after else ("*** (before)", "*** (after)")
    return _alone(before, "before"), _alone(after, "after")


def _masked_objects(before: "JsonObject", after: "JsonObject") -> "tuple[Json, Json]":
    left: JsonObject = {}
    right: JsonObject = {}
    for key in sorted({*before, *after}):
        if key in before and key in after:
            left[key], right[key] = masked(before[key], after[key])
        elif key in before:
            left[key] = _alone(before[key], "before")
        else:
            right[key] = _alone(after[key], "after")
    return left, right


def _alone(value: "Json", side: str) -> "Json":
    if isinstance(value, str):
        return f"*** ({side})" if key_of(value) else value
    if isinstance(value, dict):
        return {key: _alone(part, side) for key, part in value.items()}
    if isinstance(value, list):
        return [_alone(part, side) for part in value]
    return value

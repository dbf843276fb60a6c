"""Reading places of an object that may be absent or of another type than its schema says."""

from schema.canonical import Json, JsonObject


def value(document: Json, *keys: str) -> Json:
    """What stands there, None where nothing does."""
    for key in keys:
        if not isinstance(document, dict):
            return None
        document = document.get(key)
    return document


def text(document: Json, *keys: str, default: str = "") -> str:
    """A non-empty string, or the default."""
    found = value(document, *keys)
    return found if isinstance(found, str) and found else default


def number(document: Json, *keys: str, default: int = 0) -> int:
    """A whole number, or the default."""
    found = value(document, *keys)
    return found if isinstance(found, int) and not isinstance(found, bool) else default


def flag(document: Json, *keys: str) -> bool:
    """Whether true stands there."""
    return value(document, *keys) is True


def listed(document: Json, *keys: str) -> list[JsonObject]:
    """The objects of a list."""
    found = value(document, *keys)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def strings(document: Json, *keys: str) -> list[str]:
    """The strings of a list."""
    found = value(document, *keys)
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def mapping(document: Json, *keys: str) -> JsonObject:
    """An object, empty where there is none."""
    found = value(document, *keys)
    return found if isinstance(found, dict) else {}


def written(found: Json) -> str:
    """A scalar as Go prints it."""
    if found is None:
        return ""
    if isinstance(found, bool):
        return "true" if found else "false"
    return str(found)

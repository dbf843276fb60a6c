"""Refuses to build a wheel without the web interface: an installation has no Node to make it up with."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Guard(BuildHookInterface[Any]):
    """Editable installations are a checkout, where `make ui` builds it at any time."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # the hook's signature
        """Runs before anything is packed."""
        if version != "editable" and not (Path(self.root) / "query" / "_ui" / "index.html").is_file():
            raise FileNotFoundError("query/_ui is not built: run `make ui` before the wheel is built")

"""From the settings to an API server: credentials, and a connection that learns the server's clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from collector.clock import utc_now
from collector.credentials import Credentials, load_credentials
from collector.kubeapi import KubeApi
from collector.skew import Skew
from kubelapse import __version__
from kubelapse import settings as known
from kubelapse.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A cluster that can be asked; it was not asked yet."""

    credentials: Credentials
    api: KubeApi
    skew: Skew

    @property
    def name(self) -> str:
        """The default name of the cluster."""
        return self.credentials.cluster_name


def home(environ: Mapping[str, str]) -> Path:
    """The user's home directory."""
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


async def credentials(settings: Settings) -> Credentials:
    """Raises collector.errors.CredentialsError with one sentence that says what to do."""
    return await load_credentials(
        kubeconfig=settings[known.KUBECONFIG],
        context=settings[known.CONTEXT],
        environ=settings.environ,
        home=home(settings.environ),
    )


async def reach(settings: Settings) -> Reached:
    """Raises collector.errors.CredentialsError with one sentence that says what to do."""
    found = await credentials(settings)
    skew = Skew(utc_now)
    api = KubeApi(found, skew=skew, clock=utc_now, random=Random(), user_agent=f"kubelapse/{__version__}")
    return Reached(credentials=found, api=api, skew=skew)

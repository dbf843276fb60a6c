"""When a recorder has caught up with every kind it watches, those included in which nothing happened."""

import time

from tests.e2e.recorder import Recorder

BEHIND = 15.0
"""Seconds that an idle kind may be behind: its watermark comes every 2 s, its first byte after 5."""
LAG = "kubelapse_collector_lag_seconds{"


def wait_until_level(recorder: Recorder, seconds: float) -> None:
    """Until no scope is behind: a kind that is healed is, until everything of it is known or given up."""
    deadline = time.monotonic() + seconds
    while late := [line for line in _lags(recorder) if float(line.rpartition(" ")[2]) > BEHIND]:
        assert time.monotonic() < deadline, f"still behind after {seconds} s: {late}"
        time.sleep(1)


def _lags(recorder: Recorder) -> list[str]:
    text = recorder.http.request("GET", f"{recorder.url}/metrics", timeout=10).data.decode()
    return [line for line in text.splitlines() if line.startswith(LAG)]

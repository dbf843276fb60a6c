"""A real Apache Kafka broker (KRaft) for tests and demos; needs Java 17+, and openssl for TLS.

    with RealBroker(directory) as broker:     # random loopback port
        broker.bootstrap
    with RealBroker(directory, scram={"alice": "secret"}) as broker:
        broker.sasl_bootstrap, broker.ca_file

A directory that is used again keeps its data, ports and cluster id, as after a crash. As a program:

    python -m tests.kafka.broker DIR [PORT]   # in the foreground, until Ctrl-C or SIGTERM
"""

import base64
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from tests.kafka import jars
from tests.kafka.certificates import make_certificates

JVM: Final = ("-server", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Dlog4j2.disable.jmx=true")
LOG4J: Final = """<Configuration status="WARN" shutdownHook="disable"><Appenders><Console name="C" target="SYSTEM_OUT">
<PatternLayout pattern="%d{ISO8601} %p %c{1}: %m%n"/></Console></Appenders>
<Loggers><Root level="INFO"><AppenderRef ref="C"/></Root>
<Logger name="org.apache.kafka.clients" level="WARN"/><Logger name="state.change.logger" level="WARN"/>
<Logger name="org.apache.kafka.common.config" level="WARN"/></Loggers></Configuration>
"""
SETTINGS: Final[Mapping[str, object]] = {
    # One node: every internal topic has one replica.
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "default.replication.factor": 1,
    "min.insync.replicas": 1,
    "num.partitions": 1,
    "auto.create.topics.enable": "false",
    "message.max.bytes": 32 * 1024 * 1024,
    "replica.fetch.max.bytes": 32 * 1024 * 1024,
    # A dead transaction is aborted within a second of its timeout, not ten.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
    "group.initial.rebalance.delay.ms": 0,
    # Compaction and retention soon enough for a test to see them.
    "log.cleaner.threads": 1,
    "log.cleaner.backoff.ms": 200,
    "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
    "log.cleaner.io.buffer.size": 512 * 1024,
    "log.retention.check.interval.ms": 500,
    "log.initial.task.delay.ms": 500,
    # A small machine.
    "num.network.threads": 2,
    "num.io.threads": 4,
    "num.recovery.threads.per.data.dir": 2,
    "background.threads": 2,
    # After kill -9 the controller refuses the same broker id until its old session has ended (9 s if left alone).
    "broker.session.timeout.ms": 2000,
    "broker.heartbeat.interval.ms": 400,
}
SCRAM: Final = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


def free_port() -> int:
    """Below the ports of outgoing connections: a client that keeps dialling a dead one there can connect to itself."""
    for _ in range(200):
        port = random.randrange(20000, 32000)
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no free loopback port")


def _cluster_id() -> str:
    """22 characters; a leading `-` would be read as an option."""
    made = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    return f"A{made[1:]}" if made.startswith("-") else made


class RealBroker:
    """One broker and controller process. `start`, `stop`, `kill` may be called again and again."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        heap_mb: int = 512,
        settings: Mapping[str, object] | None = None,
        scram: Mapping[str, str] | None = None,
        jvm: tuple[str, ...] | None = None,
    ) -> None:
        self.directory = directory.absolute()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._heap_mb, self._settings, self._scram, self._jvm = heap_mb, dict(settings or {}), dict(scram or {}), jvm
        note = self.directory / "broker.json"
        old = json.loads(note.read_text()) if note.exists() else {}
        self._port = port or old.get("port") or free_port()
        self._controller = old.get("controller") or free_port()
        self._sasl = old.get("sasl") or free_port()
        self._cluster_id = old.get("cluster_id") or _cluster_id()
        self._process: subprocess.Popen[bytes] | None = None
        note.write_text(
            json.dumps(
                {
                    "port": self._port,
                    "controller": self._controller,
                    "sasl": self._sasl,
                    "cluster_id": self._cluster_id,
                }
            )
        )

    @property
    def bootstrap(self) -> str:
        """Of the listener without passwords."""
        return f"127.0.0.1:{self._port}"

    @property
    def sasl_bootstrap(self) -> str:
        """Of the SASL_SSL listener."""
        return f"127.0.0.1:{self._sasl}"

    @property
    def ca_file(self) -> Path:
        """What the SASL_SSL listener's certificate is signed by."""
        return self.directory / "tls" / "ca.crt"

    @property
    def log_file(self) -> Path:
        """What the broker says."""
        return self.directory / "broker.log"

    @property
    def running(self) -> bool:
        """The process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout: float = 90) -> "RealBroker":
        """Start it and wait until it takes connections."""
        assert not self.running
        config = self.directory / "server.properties"
        config.write_text("".join(f"{name}={value}\n" for name, value in self._properties().items()))
        (self.directory / "log4j2.xml").write_text(LOG4J)
        if not (self.directory / "data" / "meta.properties").exists():
            self._format(config)
        said = self.log_file.stat().st_size if self.log_file.exists() else 0
        with self.log_file.open("ab") as out:
            command = self._java(self._heap_mb, "kafka.Kafka", str(config))
            self._process = subprocess.Popen(
                command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.directory
            )
        self._wait_ready(timeout, said)
        return self

    def stop(self, timeout: float = 20) -> None:
        """SIGTERM, and -9 when that does not help."""
        if self._process is not None and self.running:
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """kill -9"""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def rss_mb(self) -> float:
        """Resident memory of the process (Linux)."""
        assert self._process is not None
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    def __enter__(self) -> "RealBroker":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def _properties(self) -> dict[str, object]:
        clients = [f"PLAINTEXT://127.0.0.1:{self._port}"]
        properties: dict[str, object] = {
            **SETTINGS,
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
            "log.dirs": self.directory / "data",
        }
        if self._scram:
            properties |= self._secured()
            clients.append(f"SASL_SSL://127.0.0.1:{self._sasl}")
        properties["listeners"] = ",".join([*clients, f"CONTROLLER://127.0.0.1:{self._controller}"])
        properties["advertised.listeners"] = ",".join(clients)
        return {**properties, **self._settings}

    def _secured(self) -> dict[str, object]:
        made = make_certificates(self.directory / "tls")
        listener = "listener.name.sasl_ssl."
        return {
            "sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256",
            f"{listener}scram-sha-512.sasl.jaas.config": SCRAM,
            f"{listener}scram-sha-256.sasl.jaas.config": SCRAM,
            f"{listener}ssl.keystore.type": "PEM",
            f"{listener}ssl.keystore.location": made.server,
            f"{listener}ssl.truststore.type": "PEM",
            f"{listener}ssl.truststore.location": made.ca,
            f"{listener}ssl.client.auth": "none",
        }

    def _format(self, config: Path) -> None:
        command = self._java(128, "kafka.tools.StorageTool", "format", "-t", self._cluster_id, "-c", str(config))
        for user, password in self._scram.items():
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                command += ["--add-scram", f"{mechanism}=[name={user},password={password}]"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"format failed: {done.stdout[-2000:]}{done.stderr[-2000:]}"

    def _java(self, heap_mb: int, *arguments: str) -> list[str]:
        libs = jars.fetch()
        archive = libs / jars.ARCHIVE
        classes = os.pathsep.join(str(path) for path in sorted(libs.glob("*.jar")))
        shared = self._jvm if self._jvm is not None else (f"-XX:SharedArchiveFile={archive}",) * archive.exists()
        memory = (f"-Xmx{heap_mb}m", f"-Xms{min(heap_mb, 128)}m")
        logs = f"-Dlog4j2.configurationFile={self.directory / 'log4j2.xml'}"
        return ["java", *memory, *JVM, logs, *shared, "-cp", classes, *arguments]

    def _wait_ready(self, timeout: float, said: int) -> None:
        assert self._process is not None
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            assert self._process.poll() is None, f"the broker ended:\n{self.log_file.read_text()[-3000:]}"
            with self.log_file.open("rb") as log:
                log.seek(said)
                started = b"Kafka Server started" in log.read()
            if started:
                with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
                    return
            time.sleep(0.05)
        self.kill()
        raise TimeoutError(f"the broker is not ready after {timeout} s; see {self.log_file}")


def warm() -> Path:
    """Write the archive of classes beside the jars, by one start of a broker; the archive."""
    import tempfile

    archive = jars.fetch() / jars.ARCHIVE
    if not archive.exists():
        part = archive.with_suffix(f".{os.getpid()}.part")
        with tempfile.TemporaryDirectory() as place:
            RealBroker(Path(place), jvm=(f"-XX:ArchiveClassesAtExit={part}",)).start().stop()
        if part.exists():
            part.rename(archive)
    return archive


def main(arguments: list[str]) -> None:
    """Run a broker in this directory until a signal."""
    warm()
    with RealBroker(Path(arguments[0]), port=int(arguments[1]) if len(arguments) > 1 else 0) as broker:
        print(broker.bootstrap, flush=True)
        with suppress(KeyboardInterrupt):
            signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main(sys.argv[1:])

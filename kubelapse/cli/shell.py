"""`kubelapse shell`: kubectl, k9s and client libraries against the cluster as it was."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager

import click

from kubelapse.cli.errors import Failure
from kubelapse.cli.options import reading
from kubelapse.cli.session import Session, application, open_store, read_url, token_of
from kubelapse.settings_auth import TOKEN_FILE

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


@click.command("shell", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--at", metavar="TIME", default="now", show_default=True, help="The moment: 2h, 14:05, yesterday 14:00.")
@reading(formats=("table",))
async def shell(session: Session, command: tuple[str, ...], at: str) -> None:
    """A shell in which kubectl sees the cluster as it was; or one command, after `--`.

    Nothing can be changed there. `kubectl get -w` replays what followed; k9s and other programs that keep a copy stay
    at the moment. Exit code: that of the shell or command.

    \b
    kubelapse shell --at 2h
    kubelapse shell --at 'yesterday 14:00' -- kubectl get pods -A
    """
    moment = session.end(at) or "now"
    async with _server(session) as url:
        cluster = await _cluster(session, url, moment)
        from kubelapse.kubeconfig import kubeconfig, prompt

        with kubeconfig(url, cluster, moment, session.settings[TOKEN_FILE]) as made:
            environ = {**session.around.environ, **made.environ}
            hint = f"{cluster} {'now' if moment == 'now' else session.spoken(moment)}"
            arguments: Sequence[str] = command
            if not command:
                program = session.around.environ.get("SHELL") or "/bin/sh"
                own = session.around.environ.get("ZDOTDIR", "")
                arguments, more = prompt(program, made.path.parent, hint, own)
                environ |= more
                session.note("kubectl now sees the recorded cluster, read-only; exit leads back")
            session.exit_code = await _run(arguments, environ)


@asynccontextmanager
async def _server(session: Session) -> AsyncIterator[str]:
    """The URL of a server: the one that runs, or with --data one of our own on loopback while the command runs."""
    from kubelapse import client

    if session.data is None and session.around.app is None:
        yield client.server_url(session.settings, read_url)
        return
    from kubelapse.server import Server, listen, url_of

    with ExitStack() as stack:
        if session.around.app is not None:
            app = session.around.app()
        else:
            store = open_store(session.settings)
            stack.callback(store.close)
            app = application(store, session.settings)
        bound = stack.enter_context(listen("127.0.0.1", 0))
        server = Server(app)
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            yield url_of(bound)
        finally:
            server.stop()
            await serving


async def _cluster(session: Session, url: str, moment: str) -> str:
    """The recorded cluster that is meant; says what is not known of it at the moment."""
    from kubelapse import client

    async with client.over_http(url, session.around.transport, token=token_of(session.settings)) as asking:
        items = (await asking.get("/clusters"))["items"]
        names = [str(each["cluster"]) for each in items if isinstance(each, dict)] if isinstance(items, list) else []
        if session.cluster not in (names if session.cluster else [""]):
            raise Failure(f"no cluster {session.cluster!r} is recorded: there are {', '.join(names) or 'none'}")
        if not session.cluster and len(names) != 1:
            raise Failure(
                f"several clusters are recorded: name one with --cluster ({', '.join(names)})"
                if names
                else "nothing has been recorded yet: start with kubelapse up"
            )
        cluster = session.cluster or names[0]
        at = None if moment == "now" else moment
        session.note(f"{cluster} as of {session.spoken(at) if at else 'now'}")
        session.limits(await asking.get("/coverage", {"cluster": cluster, "from": at, "to": at}))
    return cluster


async def _run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """The program's exit code; Ctrl-C is the program's, not ours."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGQUIT):
        loop.add_signal_handler(number, lambda: None)
    try:
        process = await asyncio.create_subprocess_exec(*arguments, env=environ)
    except FileNotFoundError:
        Failure(f"{arguments[0]} is not there: install it, or put it on the PATH").show()
        return _NOT_FOUND
    except PermissionError:
        Failure(f"{arguments[0]} cannot be executed").show()
        return _NOT_EXECUTABLE
    code = await process.wait()
    return 128 - code if code < 0 else code

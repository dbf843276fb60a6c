"""Serving the loaded incident until a signal."""

import asyncio
import socket
import sys
import webbrowser

import click

from kubelapse.cli.session import program
from kubelapse.client import DEFAULT_URL
from kubelapse.observe import new_registry
from kubelapse.server import Server, end_on_signals, make_app, url_of
from kubelapse.stores import leave_url
from schema.store import Store

MORE = ("history deploy/web -n shop", "history namespace/staging", "show secret/db-credentials -n shop")


async def serve(store: Store, bound: socket.socket, *, browser: bool) -> None:
    """API and web page of this store on a listening socket."""
    stop = asyncio.Event()
    url = url_of(bound)
    leave_url(store, url)
    server = Server(make_app(store, new_registry(), host=bound.getsockname()[0]))
    end_on_signals(stop, lambda _: server.stop())
    click.echo(f"\nserving the incident on {url}  (Ctrl-C ends); ask more from another terminal:", err=True)
    for question in MORE:
        click.echo(f"  {program()} {question}{'' if url == DEFAULT_URL else f' --server {url}'}", err=True)
    if browser and sys.stderr.isatty():
        await asyncio.to_thread(webbrowser.open, url)
    await server.serve(sockets=[bound])

"""electd, HAProxy and nginx as they are installed, each before a server of its own."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from . import electd, processes, solo
from .processes import Process
from .recording import Origin
from .solo import Solo

NAMES = ("electd", "haproxy", "nginx")
ADDRESSES = {"electd": solo.ADDRESS, "haproxy": "127.0.0.1", "nginx": "127.0.0.1"}


Lane = dict[str, Origin]
"""A server for each proxy."""


@contextlib.contextmanager
def started(directory: Path, lanes: list[Lane]) -> Iterator[list[dict[str, int]]]:
    """One process of each kind with a listener for each lane; their ports, while they run."""
    directory.chmod(0o755)  # nginx's worker is not root
    ports = [{name: solo.free_port(ADDRESSES[name]) for name in NAMES} for _ in lanes]
    pairs = {name: [(port[name], lane[name].port) for port, lane in zip(ports, lanes)] for name in NAMES}
    services = [service(f"front{number}", port, [server]) for number, (port, server) in enumerate(pairs["electd"])]
    ours = Solo(electd.binary(), directory / "electd", "".join(services))
    running: list[Process] = []
    try:
        ours.start([port for port, _ in pairs["electd"]])
        running.append(_haproxy(directory, pairs["haproxy"]))
        running.append(_nginx(directory, pairs["nginx"]))
        for name, process in zip(("haproxy", "nginx"), running):
            solo.wait_for(ADDRESSES[name], pairs[name][-1][0], process)
        yield ports
    finally:
        ours.stop()
        for process in running:
            process.stop()


def service(name: str, port: int, servers: list[int], timeout: str = "1s") -> str:
    """One service of a `Solo`; its timeouts are short enough to wait for."""
    lines = [
        f"  {name}:", "    group: solo", f'    listen: "{solo.ADDRESS}:{port}"', "    mode: http", "    forwarded_for: true",
        f"    timeouts: {{ connect: {timeout}, client: {timeout}, server: {timeout}, request: {timeout} }}", "    servers:",
    ]
    lines += [f'      s{number}: {{ address: "127.0.0.1:{server}" }}' for number, server in enumerate(servers)]
    return "\n".join(lines) + "\n"


def _haproxy(directory: Path, pairs: list[tuple[int, int]]) -> Process:
    listeners = [
        f"listen front{port}\n    bind 127.0.0.1:{port}\n    server s0 127.0.0.1:{server}\n" for port, server in pairs
    ]
    config = directory / "haproxy.cfg"
    config.write_text(
        f"""global
    maxconn 1000
    nbthread 1
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
    timeout http-request 1s
    option forwardfor
{"".join(listeners)}"""
    )
    return processes.start("haproxy", ["haproxy", "-db", "-f", str(config)], directory / "haproxy.log")


def _nginx(directory: Path, pairs: list[tuple[int, int]]) -> Process:
    servers = [
        f"    upstream front{port} {{ server 127.0.0.1:{server}; keepalive 8; }}\n"
        f"    server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://front{port}; }} }}\n"
        for port, server in pairs
    ]
    root = directory / "nginx"
    root.mkdir()
    root.chmod(0o777)
    config = root / "nginx.conf"
    config.write_text(
        f"""daemon off;
worker_processes 1;
pid {root}/pid;
error_log {root}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    client_header_timeout 1s;
    client_body_timeout 1s;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_connect_timeout 1s;
    proxy_read_timeout 1s;
{"".join(servers)}}}
"""
    )
    return processes.start("nginx", ["nginx", "-c", str(config), "-e", str(root / "error.log")], directory / "nginx.log")

"""electd, HAProxy and nginx on loopback before the same two web servers, each configured as its own manual begins.

electd and HAProxy have the seed's listener (cookie, checks, its timeouts); nginx an upstream group with its defaults.
"""

import signal
import sys
import time
from pathlib import Path

from . import electd, processes, solo
from .processes import Process
from .solo import Solo

NAMES = ("electd", "haproxy", "nginx")
SERVER_ADDRESS = "127.0.0.1"


class Trio:
    """Two servers named a and b, and the three proxies before them."""

    def __init__(self, directory: Path, idle_ms: float | None = None, check_ms: int = 2_000) -> None:
        directory.mkdir(parents=True)
        directory.chmod(0o755)
        self.directory = directory
        self.check_ms = check_ms
        self._idle_ms = idle_ms
        self.server_ports = {name: solo.free_port() for name in ("a", "b")}
        self.servers: dict[str, Process] = {}
        self.ports = {name: solo.free_port(self.address(name)) for name in NAMES}
        self.processes: dict[str, Process] = {}
        self.solo = Solo(electd.binary(), directory / "electd", self._service(0))

    def address(self, name: str) -> str:
        return solo.ADDRESS if name == "electd" else "127.0.0.1"

    def __enter__(self) -> "Trio":
        try:
            for name in self.server_ports:
                self.start_server(name)
            for name in NAMES:
                self.start(name)
            for name in NAMES:
                self.wait_until_it_serves(name)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start_server(self, name: str) -> None:
        idle = [] if self._idle_ms is None else [str(self._idle_ms)]
        words = [sys.executable, "-B", "-m", "labkit.pages", SERVER_ADDRESS, str(self.server_ports[name]), name, *idle]
        path = {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
        self.servers[name] = processes.start(f"server {name}", words, self.directory / f"{name}.log", path)
        solo.wait_for(SERVER_ADDRESS, self.server_ports[name], self.servers[name])

    def start(self, name: str) -> None:
        if name == "electd":
            self.solo.start([])
            assert self.solo.process is not None
            self.processes[name] = self.solo.process
            return
        config = self.directory / f"{name}.cfg"
        config.write_text(self._haproxy() if name == "haproxy" else self._nginx())
        words = ["haproxy", "-W", "-db", "-f", str(config)] if name == "haproxy" else ["nginx", "-c", str(config), "-e", str(self.directory / "nginx-error.log")]
        self.processes[name] = processes.start(name, words, self.directory / f"{name}.log")

    def wait_until_it_serves(self, name: str) -> None:
        from .exchange import ask  # by both servers, so that each is known to be healthy

        seen: set[bytes] = set()
        deadline = time.monotonic() + 30
        while len(seen) < 2:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{name} does not serve both servers' pages:\n{self.processes[name].last_words()}")
            try:
                said = ask(self.address(name), self.ports[name], b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
                if said.startswith(b"HTTP/1.1 200"):
                    seen.add(said[-1:])
            except OSError:
                time.sleep(0.02)

    def reload(self, name: str, number: int) -> None:
        """The manual's reload, with something changed."""
        if name == "electd":
            self.solo.write(self._service(number))
            self.solo.reload()
        else:
            self.processes[name].popen.send_signal(signal.SIGUSR2 if name == "haproxy" else signal.SIGHUP)

    def stop(self) -> None:
        self.solo.stop()
        for process in [*self.processes.values(), *self.servers.values()]:
            if process.is_running():
                process.stop()

    def _service(self, number: int) -> str:
        check = f'check: {{ http: "/", interval: {self.check_ms}ms, timeout: {min(self.check_ms, 1000)}ms }}'
        lines = [
            "  front:", "    group: solo", f'    listen: "{solo.ADDRESS}:{self.ports["electd"]}"', "    mode: http",
            "    forwarded_for: true", "    cookie: { name: SERVERNAME, insert: true, indirect: true, nocache: true }",
            "    retries: 3", "    redispatch: true", f"    max_connections: {2000 + number % 2}", "    servers:",
        ]
        for name, port in self.server_ports.items():
            lines.append(f'      {name}: {{ address: "{SERVER_ADDRESS}:{port}", cookie: {name}, {check} }}')
        return "\n".join(lines) + "\n"

    def _haproxy(self) -> str:
        servers = "\n".join(
            f"    server {name} {SERVER_ADDRESS}:{port} cookie {name} check inter {self.check_ms}"
            for name, port in self.server_ports.items()
        )
        return f"""global
    maxconn 4096
defaults
    mode http
    retries 3
    option redispatch
    maxconn 2000
    timeout connect 5000
    timeout client 50000
    timeout server 50000
listen front
    bind 127.0.0.1:{self.ports["haproxy"]}
    balance roundrobin
    option forwardfor
    cookie SERVERNAME insert indirect nocache
{servers}
"""

    def _nginx(self) -> str:
        servers = " ".join(f"server {SERVER_ADDRESS}:{port};" for port in self.server_ports.values())
        root = self.directory / "nginx"
        root.mkdir(exist_ok=True)
        root.chmod(0o777)
        places = "\n".join(
            f"    {kind}_temp_path {root}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return f"""daemon off;
worker_processes 1;
pid {root}/pid;
error_log {root}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
{places}
    map $http_upgrade $hop {{ default ""; websocket upgrade; }}
    upstream servers {{ {servers} keepalive 32; }}
    server {{
        listen 127.0.0.1:{self.ports["nginx"]};
        location / {{
            proxy_pass http://servers;
            proxy_http_version 1.1;
            proxy_set_header Connection $hop;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Host $http_host;
        }}
    }}
}}
"""

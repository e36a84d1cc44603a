"""The web servers behind the VIP: nginx or Apache httpd as Debian ships them, started by hand, no service touched."""

import os
import shutil
from pathlib import Path

from . import topology
from .network import Network
from .processes import Process, wait_until

_APACHE_MODULES = Path("/usr/lib/apache2/modules")


def available() -> str | None:
    """`nginx` or `apache2`, whichever is installed."""
    for name in ("nginx", "apache2"):
        if _program(name):
            return name
    return None


def start(network: Network, node: str, kind: str | None = None) -> Process:
    """Starts a web server on `node`, port 8080; its page at / begins with the node's name."""
    # On every address of the machine: clients come by its own, its health check by 127.0.0.1.
    server = prepare(network.directory / f"{node}-web", "0.0.0.0", node, kind)
    process = network.start(node, "web", *server)
    probe = f"http://{topology.host(node).address}:{topology.WEB_PORT}/"
    up = wait_until(lambda: network.run(node, *fetch(probe), check=False).stdout.startswith(node), timeout=10)
    if not up:
        raise RuntimeError(f"the web server of {node} does not answer:\n{process.last_words()}")
    return process


def prepare(root: Path, address: str, node: str, kind: str | None = None, port: int = topology.WEB_PORT) -> list[str]:
    """Writes pages and configuration under `root`; returns the command line that serves them."""
    pages = root / "pages"
    pages.mkdir(parents=True, exist_ok=True)
    (pages / "index.html").write_text(f"{node} serves this page\n")
    (pages / "10m").write_bytes(os.urandom(1 << 20) * 10)
    for path in (root.parent, root, pages):
        path.chmod(0o755)  # the workers are not root
    kind = kind or available()
    if kind == "nginx":
        (root / "nginx.conf").write_text(_nginx(root, pages, address, port))
        return [_program("nginx") or "nginx", "-c", str(root / "nginx.conf"), "-e", str(root / "error.log")]
    if kind == "apache2":
        (root / "apache.conf").write_text(_apache(root, pages, address, port))
        return [_program("apache2") or "apache2", "-f", str(root / "apache.conf"), "-DFOREGROUND"]
    raise RuntimeError("no web server here: apt-get install nginx, or apache2-bin")


def _program(name: str) -> str | None:
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin")


def fetch(url: str) -> list[str]:
    """Python instead of curl: a fresh machine has no curl."""
    return ["python3", "-c", f"import urllib.request as u; print(u.urlopen('{url}', timeout=2).read().decode())"]


def _nginx(root: Path, pages: Path, address: str, port: int) -> str:
    return f"""daemon off;
worker_processes 1;
pid {root}/nginx.pid;
error_log {root}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    default_type text/plain;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 60s;
    keepalive_requests 1000000;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    server {{
        listen {address}:{port};
        root {pages};
        location = /headers {{ return 200 "$http_x_forwarded_for\\n"; }}
    }}
}}
"""


def _apache(root: Path, pages: Path, address: str, port: int) -> str:
    modules = "\n".join(
        f"LoadModule {name}_module {_APACHE_MODULES}/mod_{name}.so" for name in ("mpm_event", "authz_core", "dir")
    )
    return f"""{modules}
ServerName landlord.example
ServerRoot {root}
PidFile {root}/apache.pid
ErrorLog {root}/error.log
Listen {address}:{port}
User nobody
Group nogroup
DocumentRoot {pages}
DirectoryIndex index.html
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
<Directory {pages}>
    Require all granted
</Directory>
"""

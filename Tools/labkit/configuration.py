"""The file that electd reads, in the shape a user writes it (the seed's set-up, one file for every node)."""

from dataclasses import dataclass, field

from . import topology


@dataclass
class Settings:
    """What the tests vary. The defaults are the seed's two machines with a witness."""

    keys: dict[str, str]
    """Public key per node, as `electd keygen` prints it."""
    secret_file: str
    heartbeat: str = "100ms"
    lease: str = "500ms"
    mode: str = "majority"
    witness: bool = True
    virtual_addresses: list[str] = field(default_factory=lambda: [f"{topology.VIP}/32", f"{topology.VIP6}/128"])
    preempt_after: str = "2s"
    services: bool = True
    web_check: bool = True
    check_interval: str = "200ms"
    addresses: dict[str, str] = field(default_factory=lambda: {host.name: host.address for host in topology.VOTERS})
    connection: str = "close"
    service_mode: str = "http"
    listen: str = ":80"
    web_port: int = topology.WEB_PORT
    extra_groups: str = ""
    """Further groups as YAML, indented by two, or nothing."""
    extra_services: str = ""
    """Further services likewise, as `service` writes them."""
    threads: int = 1
    access_log: str = ""
    """Of the first service, as YAML on one line."""
    metrics: str = ""
    """Where every node tells its metrics."""
    journal: str = ""
    """The section `journal`, as YAML on one line."""
    log: str = ""
    """The section `log`, as YAML on one line."""
    election: str = ""
    """The section `election`, as YAML on one line."""
    priority: dict[str, int] = field(default_factory=lambda: {"fred": 101, "ethyl": 100})


def render(settings: Settings, identity_file: str) -> str:
    """The YAML for the node whose key is in `identity_file`; only that line differs between the nodes."""
    parts = [
        f"cluster: landlord\nsecret_file: {settings.secret_file}\nidentity_file: {identity_file}\n",
        _nodes(settings),
        f"timing: {{ heartbeat: {settings.heartbeat}, lease: {settings.lease} }}\n",
        _checks(settings),
        _groups(settings),
        _services(settings) if settings.services else "",
        f"journal: {settings.journal}\n" if settings.journal else "",
        f"log: {settings.log}\n" if settings.log else "",
        f"election: {settings.election}\n" if settings.election else "",
        f"proxy: {{ threads: {settings.threads} }}\n" if settings.services else "",
        f'metrics: {{ listen: "{settings.metrics}" }}\n' if settings.metrics else "",
    ]
    return "\n".join(part for part in parts if part)


def more_groups(count: int) -> str:
    """`extra_groups` with `count` (up to 253) groups, each with an address of its own, all preferred on fred."""
    return "".join(
        f"""  more{number}:
    mode: majority
    interface: {topology.INTERFACE}
    virtual_addresses: [{topology.more_vip(number)}/32]
    priority: {{ fred: 101, ethyl: 100 }}
    preempt_after: 2s
"""
        for number in range(1, count + 1)
    )


def members(settings: Settings) -> list[str]:
    """The nodes that the file names."""
    return [host.name for host in topology.VOTERS if settings.witness or host is not topology.LUCY]


def _nodes(settings: Settings) -> str:
    lines = ["nodes:"]
    for name in members(settings):
        witness = ", witness: true" if name == topology.LUCY.name else ""
        endpoint = f"{settings.addresses[name]}:{topology.ELECTD_PORT}"
        lines.append(f'  {name}: {{ address: "{endpoint}", key: "{settings.keys[name]}"{witness} }}')
    return "\n".join(lines) + "\n"


def _checks(settings: Settings) -> str:
    if not settings.web_check:
        return ""
    return f"""checks:
  web:
    tcp: "127.0.0.1:{settings.web_port}"
    interval: {settings.check_interval}
    timeout: {settings.check_interval}
    rise: 1
    fall: 2
    weight: 2
"""


def _groups(settings: Settings) -> str:
    priority = ", ".join(f"{name}: {value}" for name, value in settings.priority.items())
    lines = ["groups:", "  router37:", f"    mode: {settings.mode}"]
    if settings.virtual_addresses:
        quoted = ", ".join(f'"{address}"' for address in settings.virtual_addresses)
        lines += [f"    interface: {topology.INTERFACE}", f"    virtual_addresses: [{quoted}]"]
    lines += [f"    priority: {{ {priority} }}", f"    preempt_after: {settings.preempt_after}"]
    if settings.web_check:
        lines.append("    checks: [web]")
    return "\n".join(lines) + "\n" + settings.extra_groups


def _services(settings: Settings) -> str:
    own = service(settings, "cluster37", settings.listen, settings.service_mode, settings.connection)
    if settings.access_log:
        own = own.replace("    mode:", f"    access_log: {settings.access_log}\n    mode:", 1)
    return "services:\n" + own + settings.extra_services


def service(settings: Settings, name: str, listen: str, mode: str, connection: str, more: str = "") -> str:
    """One service with the seed's features, indented by two; `more` lines by four."""
    lines = [
        f"  {name}:",
        "    group: router37",
        f'    listen: "{listen}"',
        f"    mode: {mode}",
        "    balance: roundrobin",
    ]
    if mode == "http":
        lines += [
            f"    connection: {connection}",
            "    forwarded_for: true",
            "    cookie: { name: SERVERNAME, insert: true, indirect: true, nocache: true }",
        ]
    lines += [
        "    retries: 3",
        "    redispatch: true",
        "    max_connections: 2000",
        "    timeouts: { connect: 300ms, client: 50s, server: 50s, request: 10s }",
        *([more.rstrip("\n")] if more else []),
        "    servers:",
    ]
    probe = 'http: "/"' if mode == "http" else "tcp: true"
    pace = f"interval: {settings.check_interval}, timeout: {settings.check_interval}, fall: 2, rise: 1"
    for host in topology.HOLDERS:
        address = f"{settings.addresses[host.name]}:{settings.web_port}"
        cookie = f", cookie: {host.name}" if mode == "http" else ""
        lines.append(f'      {host.name}: {{ address: "{address}"{cookie}, check: {{ {probe}, {pace} }} }}')
    return "\n".join(lines) + "\n"

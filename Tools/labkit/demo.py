"""The main job of electd, shown: three machines, real packets, a real client, and every fault that we can make.

fred and ethyl share 192.0.2.200 and balance a website over two web servers; lucy is the witness. Everything
happens in network namespaces of this machine; its own network is not touched.
"""

import argparse
import json
import re
import sys
import time
from pathlib import Path

from . import electd, landlord, loopback, machine, namespaces, table, topology, webservers
from .client import Client
from .electd import Electd
from .electd_faults import ElectdScenario
from .evidence import MILLISECOND
from .interrupts import become_interruptible
from .network import Network, require_privilege
from .scenario import Outcome, Scenario, now

LEGEND = """outage: the longest time from one answered request to the next; with nothing wrong, 10 to 40 ms.
failed requests: of 100 per second, each on a connection of its own. One counts as failed when its connection isn't
open within 500 ms, when it is refused or reset, or when no page comes within 2 s. So every request that begins in
an outage is one, although a browser would just ask again and be served after a second. Requests under way on a
machine that is killed or gives up the address are lost with it.
moments with two holders: two machines that answered ARP or HTTP for the address at the same time; polled 100 times
a second, each machine by itself. Must be none, also between the faults."""

LEGEND_LOOPBACK = """outage: the longest time from one answered request to the next.
failed requests: of up to 50 per second, sent to whoever says that it holds; when nobody says so, that is a failure too.
moments with two holders: two daemons that claimed to hold at the same time; asked 50 times a second."""

_FAULT = re.compile(r"\d+\. ")
"""How the line begins that tells a fault; it gets the time."""

HEARTBEAT, LEASE = "100ms", "500ms"
LEASE_MS = 500.0


def main() -> int:
    arguments = _arguments()
    become_interruptible()
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        print("\nInterrupted; everything that was started is removed.", file=sys.stderr)
        return 130
    except (RuntimeError, FileNotFoundError, PermissionError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2


def _run(arguments: argparse.Namespace) -> int:
    say = _teller(sys.stdout)
    if warning := machine.busy():
        say(warning)
    program = None if arguments.peer else electd.binary()
    try:
        if arguments.loopback:
            raise PermissionError("--loopback was asked for")
        require_privilege()
    except PermissionError as reason:
        if arguments.peer:
            raise
        return _finish(arguments, loopback.run(program, arguments.runs, arguments.keep, str(reason), say), say)
    namespaces.sweep()
    report: dict = {"runs": [], "broken": []}
    for number in range(1, arguments.runs + 1):
        if arguments.runs > 1:
            say(f"\n===== Run {number} of {arguments.runs} =====")
        report["runs"].append(_one_run(arguments, program, say))
    return _finish(arguments, report, say)


def _one_run(arguments: argparse.Namespace, program: Path | None, say) -> dict:
    network = Network.up()
    try:
        say(f"Lab {network.lab}: fred, ethyl, lucy, clients and a stranger on a switch of their own.")
        cluster = landlord.Landlord(network) if program is None else Electd(network, program, heartbeat=HEARTBEAT, lease=LEASE)
        kind = webservers.available()
        say(f"Web servers: {kind}, on fred and ethyl. Cluster: {cluster.title}.")
        cluster.start_web_servers(kind)
        begun = now()
        cluster.start()
        holder = cluster.wait_for_holder()
        say(f"{holder} holds {topology.VIP} {(now() - begun) / MILLISECOND:.0f} ms after the start.")
        if program is not None:
            say(f"Heartbeat {HEARTBEAT}, lease {LEASE}. Promised after the death of a daemon or a proxy: lease + 300 ms.")
        with Client(network) as client:
            kind_of_scenario = Scenario if program is None else ElectdScenario
            scenario = kind_of_scenario(cluster, client, say, LEASE_MS)
            _faults(scenario)
            result = _summary(scenario, client)
            _last_words(cluster, result, say)
        cluster.stop()
        if isinstance(cluster, Electd):
            _replay(cluster, result, say)
        return result
    finally:
        network.down(keep_files=arguments.keep)
        if arguments.keep:
            say(f"Kept: {network.directory}")


def _faults(scenario: Scenario) -> None:
    scenario.cut_link()
    scenario.cut_one_way("out")
    scenario.cut_one_way("in")
    scenario.kill_daemon()
    scenario.freeze_daemon()
    scenario.stop_daemon()
    scenario.partition_pair()
    scenario.partition_holder()
    if isinstance(scenario, ElectdScenario):
        scenario.forge_heartbeats()
    scenario.kill_web_server()
    scenario.kill_proxy()
    scenario.freeze_proxy()
    if isinstance(scenario, ElectdScenario):
        scenario.transfer()


def _summary(scenario: Scenario, client: Client) -> dict:
    """The outcomes, and what happened between them: two holders are a broken promise at any time."""
    client.read()
    outcomes = scenario.outcomes + [_together(scenario.ways_back)]
    everywhere = len(client.collisions(scenario.begun, now()))
    broken = [f"{outcome.fault}: {promise}" for outcome in outcomes for promise in outcome.broken]
    if everywhere and not any("two holders" in promise for promise in broken):
        broken.append(f"two holders {everywhere} times, between the faults")
    return {"faults": [outcome.as_json() for outcome in outcomes], "broken": broken, "two_holders": everywhere}


def _together(ways_back: list[Outcome]) -> Outcome:
    """All ways back as one row: the worst wait, the sum of the rest."""
    return Outcome(
        fault="ways back, all together",
        outage_ms=max(back.outage_ms for back in ways_back),
        failed=sum(back.failed for back in ways_back),
        requests=sum(back.requests for back in ways_back),
        two_holders=sum(back.two_holders for back in ways_back),
        broken=[promise for back in ways_back for promise in back.broken],
    )


def _last_words(cluster, result: dict, say) -> None:
    if not isinstance(cluster, Electd):
        return
    say("\nelectd status:")
    holder = cluster.holder() or topology.FRED.name
    say(cluster.nodes[holder].command("status", check=False).stdout.rstrip())


def _replay(cluster: Electd, result: dict, say) -> None:
    say("\nelectd replay over the journals of all three:")
    replayed = cluster.replay()
    say((replayed.stdout + replayed.stderr).rstrip())
    result["replay"] = replayed.returncode
    if replayed.returncode != 0:
        result["broken"].append(f"electd replay: exit {replayed.returncode}")


def _finish(arguments: argparse.Namespace, report: dict, say) -> int:
    report["broken"] = [promise for run in report["runs"] for promise in run["broken"]]
    say("\n" + outcome_table(report["runs"]))
    say("\n" + (LEGEND_LOOPBACK if report.get("loopback") else LEGEND))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    if report["broken"]:
        say("\nBroken promises:")
        for promise in report["broken"]:
            say(f"  {promise}")
        return 1
    say("\nEvery promise held.")
    return 0


def outcome_table(runs: list[dict]) -> str:
    """One row per fault; with several runs, their values beside each other."""
    def together(row: int, key: str) -> str:
        return " / ".join(f"{run['faults'][row][key]:.0f}" for run in runs)

    rows = [
        [first["fault"], together(row, "outage_ms"), together(row, "failed"), together(row, "two_holders")]
        for row, first in enumerate(runs[0]["faults"])
    ]
    return table.rendered(["fault", "outage ms", "failed requests", "moments with two holders"], rows)


def _teller(stream):
    begun = time.monotonic()

    def say(text: str) -> None:
        stamp = f"[{time.monotonic() - begun:6.1f} s] "
        for line in text.splitlines() or [""]:
            print(f"{stamp}{line}" if _FAULT.match(line) else line, file=stream, flush=True)

    return say


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Tools/demo", description=__doc__)
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="how many times everything is done")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--keep", action="store_true", help="keep configurations, logs and journals")
    parser.add_argument("--loopback", action="store_true", help="as without root: on loopback addresses only")
    parser.add_argument("--peer", action="store_true", help="the same faults on keepalived + HAProxy instead of electd")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

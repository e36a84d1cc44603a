"""Stages incidents, copies the journals away from the cluster, and asks `electd why` what caused each."""

import argparse
import json
import re
import shutil
import sys
import time
from pathlib import Path

from . import electd, namespaces
from .commands import CommandFailed, run
from .electd import Electd
from .incident_stages import GROUP, HOLDER, INCIDENTS, Incident
from .interrupts import become_interruptible
from .landlord import Landlord
from .network import Network

SETTINGS = {"preempt_after": "never"}


def main() -> int:
    arguments = _arguments()
    become_interruptible()
    namespaces.sweep()
    wrong = 0
    for incident in INCIDENTS:
        if arguments.only and incident.name not in arguments.only:
            continue
        try:
            outcome = _play(incident, arguments)
        except (CommandFailed, RuntimeError, OSError) as error:
            outcome = {"incident": incident.name, "truth": incident.truth, "named": False, "error": str(error)}
        wrong += not outcome["named"]
        _tell(outcome, arguments)
    return 1 if wrong else 0


def _play(incident: Incident, arguments: argparse.Namespace) -> dict:
    program = electd.binary()
    journals = _staged(incident, program, arguments.keep)
    try:
        paths = [str(path) for path in sorted(journals.iterdir())]
        answer = run(str(program), "why", "last", "--group", GROUP, *paths, check=False, timeout=120)
        machine = run(str(program), "why", "last", "--group", GROUP, "--json", *paths, check=False, timeout=120)
        causes = json.loads(machine.stdout or "{}").get("causes", [])
        outcome = {
            "incident": incident.name,
            "truth": incident.truth,
            "named": any(_is_true(cause, incident) for cause in causes),
            "causes": causes,
            "why": (answer.stdout or answer.stderr).rstrip(),
        }
    finally:
        if not arguments.keep:
            shutil.rmtree(journals, ignore_errors=True)
    if arguments.markdown:
        outcome["peer"] = _peer(incident)
    return outcome


def _is_true(cause: dict, incident: Incident) -> bool:
    return cause.get("kind") in incident.kinds and incident.node in (None, cause.get("node"))


def _staged(incident: Incident, program: Path, keep: str | None) -> Path:
    """Plays the incident; returns a directory with one journal per node, as an auditor would get them."""
    with Network.up() as network:
        cluster = Electd(network, program, **{**SETTINGS, **incident.settings})
        mounted = _small_disk(cluster, incident.small_disk_on)
        try:
            cluster.start_web_servers()
            cluster.start()
            if cluster.wait_for_holder(20) != HOLDER:
                raise RuntimeError(f"{HOLDER} doesn't hold at the start")
            # Until every check and every server behind the proxies has had its first verdicts.
            time.sleep(3)
            incident.stage(cluster)
            # What nobody waits for reaches the disk within half a second.
            time.sleep(1.2)
            target = Path(keep or network.directory.parent) / f"{network.lab}-{incident.name}"
            if keep:
                target = Path(keep) / incident.name
                shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            for node in cluster.nodes.values():
                shutil.copytree(node.journals()[0], target / node.name)
            return target
        finally:
            if mounted is not None:
                cluster.stop()
                run("umount", "--lazy", str(mounted), check=False)


def _small_disk(cluster: Electd, node: str | None) -> Path | None:
    """Gives the node's state a file system of its own that is soon full."""
    if node is None:
        return None
    state = cluster.nodes[node].state
    state.mkdir(parents=True)
    run("mount", "-t", "tmpfs", "-o", "size=6m,mode=0700", "electd-small", str(state))
    return state


def _peer(incident: Incident) -> dict:
    """The same fault in keepalived + HAProxy: what their logs say."""
    if incident.peer is None:
        return {"note": incident.peer_note, "log": ""}
    with Network.up() as network:
        peer = Landlord(network, interval="0.1")
        peer.start()
        peer.wait_for_holder(20)
        time.sleep(3)
        logs = {node: network.directory / f"{node}-keepalived.log" for node in ("fred", "ethyl")}
        before = {node: len(_lines(log)) for node, log in logs.items()}
        incident.peer(peer)
        time.sleep(1)
        said = [f"{node}: {line}" for node, log in logs.items() for line in _lines(log)[before[node] :]]
        holders = [node for node in ("fred", "ethyl") if peer.has_address(node)]
        return {"note": incident.peer_note, "log": "\n".join(_folded(said)[:14]), "holders": holders}


def _folded(lines: list[str]) -> list[str]:
    """Lines that differ in nothing but their time, as one with their number."""
    folded: list[tuple[str, str, int]] = []
    for line in lines:
        told = re.sub(r"\w{3} \w{3} +\d+ [\d:]+ \d{4}: ", "", line)
        if folded and folded[-1][1] == told:
            first, _, count = folded.pop()
            folded.append((first, told, count + 1))
        else:
            folded.append((line, told, 1))
    return [first + (f"  ({count} times)" if count > 1 else "") for first, _, count in folded]


def _lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines() if log.exists() else []


def _tell(outcome: dict, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps(outcome), flush=True)
    elif arguments.markdown:
        print(_page(outcome), flush=True)
    else:
        verdict = "named" if outcome["named"] else "MISSED"
        print(f"{verdict}: {outcome['incident']}: {outcome['truth']}", flush=True)
        for line in (outcome.get("error") or outcome["why"]).splitlines():
            print(f"    {line}", flush=True)


def _page(outcome: dict) -> str:
    peer = outcome.get("peer", {})
    log = peer.get("log") or "(nothing)"
    holders = peer.get("holders")
    end = f"\nAfterwards the address is on: {', '.join(holders) or 'nobody'}." if holders is not None else ""
    note = f"\n{peer['note'][0].upper()}{peer['note'][1:]}." if peer.get("note") else ""
    return (
        f"## {outcome['incident']}\n\nDone: {outcome['truth']}.\n\n`electd why last`:\n\n"
        f"{_indented(outcome.get('error') or outcome['why'])}\n\nkeepalived's logs:\n\n{_indented(log)}\n{end}{note}\n"
    )


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Tools/incidents", description=__doc__)
    parser.add_argument("only", nargs="*", help="incidents by name; all when none is named")
    parser.add_argument("--json", action="store_true", help="one JSON object per incident")
    parser.add_argument("--markdown", action="store_true", help="a page, with keepalived's logs of the same faults")
    parser.add_argument("--keep", metavar="DIR", help="leave the journals there, one directory per incident and node")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

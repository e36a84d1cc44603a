"""Measures electd and its peer in the same lab and run, in turns, and prints what came out."""

import argparse
import sys

from . import bench_failover, bench_proxy, machine, namespaces
from .commands import CommandFailed
from .interrupts import become_interruptible


def main() -> int:
    arguments = _arguments()
    become_interruptible()
    namespaces.sweep()
    if warning := machine.busy():
        print(warning, file=sys.stderr)
    stolen = machine.Stolen()
    try:
        for line in arguments.bench(arguments):
            print(line.as_json() if arguments.json else line.as_text(), flush=True)
    except KeyboardInterrupt:
        return 130
    except (CommandFailed, RuntimeError, FileNotFoundError, PermissionError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    finally:
        if warning := stolen.warning():
            print(warning, file=sys.stderr)
    return 0


def _arguments() -> argparse.Namespace:
    top = argparse.ArgumentParser(prog="Tools/bench", description=__doc__)
    benches = top.add_subparsers(required=True, metavar="NAME")
    failover = benches.add_parser("failover", help="cuts, planned moves, crashes, and what many groups cost: electd and keepalived")
    failover.set_defaults(bench=bench_failover.main)
    failover.add_argument("--parts", nargs="+", choices=bench_failover.PARTS, default=bench_failover.PARTS)
    failover.add_argument("--cuts", type=int, default=20, help="also the number of planned moves and of crashes")
    failover.add_argument("--interval", nargs="+", default=["1s", "100ms", "20ms", "10ms"], help="between heartbeats")
    failover.add_argument("--groups", nargs="+", type=int, default=[1, 50, 250])
    proxy = benches.add_parser("proxy", help="CPU per request and latency: electd's proxy and HAProxy")
    proxy.set_defaults(bench=bench_proxy.main)
    proxy.add_argument("--rounds", type=int, default=5)
    proxy.add_argument("--seconds", type=int, default=3)
    proxy.add_argument("--cases", nargs="*", choices=bench_proxy.CASES)
    for bench in (failover, proxy):
        bench.add_argument("--json", action="store_true", help="one JSON object per line")
        bench.add_argument("--peer-only", action="store_true", help="the peer on both sides: what the lab itself adds")
    return top.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""Keeps a file system frozen until standard input ends: `python3 -m labkit.freezer MOUNT`.

A process of its own, because a frozen disk outlives whoever froze it, and nobody can end a process that waits for one.
"""

import signal
import sys

from .commands import run


def main() -> None:
    place = sys.argv[1]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    run("fsfreeze", "--freeze", place)
    try:
        print("frozen", flush=True)
        sys.stdin.read()
    finally:
        run("fsfreeze", "--unfreeze", place)


if __name__ == "__main__":
    main()

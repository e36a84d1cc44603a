"""The process that a lab is named after, and that cleans up when the lab's owner is gone.

It waits for the end of its standard input, which comes when the owner exits, however it dies: SIGKILL too.
With `--detached` (the lab outlives the command that made it) it waits for SIGTERM alone.
"""

import os
import signal
import sys

from . import namespaces


def main() -> None:
    lab = f"electd-{os.getpid()}"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def stop(number: int, frame: object) -> None:
        raise SystemExit

    signal.signal(signal.SIGTERM, stop)
    print(lab, flush=True)
    try:
        if "--detached" in sys.argv:
            while True:
                signal.pause()
        while os.read(0, 4096):
            pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        namespaces.destroy(lab)
        namespaces.remove_files(lab)


if __name__ == "__main__":
    main()

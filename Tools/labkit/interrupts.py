"""Being asked to stop: by Ctrl-C, by SIGTERM, by a shell that hangs up. Each unwinds the stack, so labs are removed."""

import signal


def become_interruptible() -> None:
    """Makes SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt, also where a shell started us with SIGINT ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)

"""Programs that ask the VIP many times a second from inside a client's namespace, and write down every answer.

Each is a process of its own, so that one that waits can't delay another. They print `ready`, run until their
standard input ends, and write one line per question or answer, times in nanoseconds of CLOCK_MONOTONIC, which
all namespaces share.
"""

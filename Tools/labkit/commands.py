"""Runs other programs, and says what went wrong in their own words."""

import subprocess


class CommandFailed(Exception):
    """A program ended with an unexpected code. The text carries its last words, which is what one needs to mend it."""


def run(*command: str, check: bool = True, text_in: str | None = None, timeout: float = 30) -> subprocess.CompletedProcess:
    """Runs `command` to its end and returns its output; raises CommandFailed when `check` and the code isn't 0."""
    done = subprocess.run(
        command,
        input=text_in,
        stdin=subprocess.DEVNULL if text_in is None else None,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    if check and done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise CommandFailed(f"{' '.join(command)}: exit {done.returncode}: {said}")
    return done


def output(*command: str, **options) -> str:
    """The standard output of `command`."""
    return run(*command, **options).stdout

"""The command line without a daemon: `electd check` and its mistakes, exit codes. Needs no root."""

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness import expect, plain_test
from labkit import configuration, electd
from labkit.commands import run
from labkit.electd import Keys

PLACE = re.compile(r"^(.+):(\d+):(\d+): (.+)$", re.MULTILINE)


class Desk:
    """A directory with keys and a good file, in which mistakes can be made."""

    def __init__(self, directory: Path) -> None:
        self.program = electd.binary()
        self.keys = Keys(self.program, directory / "keys")
        self.file = directory / "electd.yaml"
        settings = configuration.Settings(keys=self.keys.public, secret_file=str(self.keys.secret_file))
        self.good = configuration.render(settings, str(self.keys.identity_file("fred")))
        self.settings = settings
        self.file.write_text(self.good)

    def check(self):
        return run(str(self.program), "check", str(self.file), check=False)

    def expect_mistake(self, text: str, *words: str) -> None:
        """Expects exit 78, a place in the file, and `words` in what is said."""
        self.file.write_text(text)
        done = self.check()
        said = done.stdout + done.stderr
        expect(done.returncode == 78, f"exit {done.returncode}, not 78:\n{said}")
        found = PLACE.search(said)
        expect(found is not None and found[1] == str(self.file), f"no FILE:LINE:COLUMN: in\n{said}")
        expect(1 <= int(found[2]) <= len(text.splitlines()) + 1, f"line {found[2]} isn't in the file")
        for word in words:
            expect(word in said, f"`{word}` isn't mentioned in\n{said}")


def _mistake(name: str) -> Callable:
    """Registers a test that gets a desk of its own."""

    def register(play: Callable[[Desk], None]) -> Callable:
        def on_a_desk() -> None:
            with tempfile.TemporaryDirectory(prefix="electd-check-") as directory:
                play(Desk(Path(directory)))

        return plain_test(name)(on_a_desk)

    return register


@_mistake("check: a good file is good")
def good(desk: Desk) -> None:
    done = desk.check()
    expect(done.returncode == 0, f"exit {done.returncode}:\n{done.stdout}{done.stderr}")


@_mistake("check: bad YAML")
def bad_yaml(desk: Desk) -> None:
    desk.expect_mistake(desk.good.replace("groups:", "groups: [", 1))


@_mistake("check: an unknown key, with the one that was meant")
def unknown_key(desk: Desk) -> None:
    desk.expect_mistake(desk.good.replace("preempt_after", "preempt_aftre", 1), "preempt_aftre", "preempt_after")


@_mistake("check: a key of no node")
def key_of_no_node(desk: Desk) -> None:
    stranger = desk.keys.directory / "stranger.key"
    run(str(desk.program), "keygen", "--out", str(stranger))
    desk.expect_mistake(desk.good.replace(str(desk.keys.identity_file("fred")), str(stranger)), "identity_file")


@_mistake("check: two nodes with one address")
def one_address(desk: Desk) -> None:
    desk.expect_mistake(desk.good.replace("192.0.2.202:3737", "192.0.2.201:3737"), "192.0.2.201", "fred", "ethyl")


@_mistake("check: a two-node majority without a witness, with the choice explained")
def no_witness(desk: Desk) -> None:
    desk.settings.witness = False
    text = configuration.render(desk.settings, str(desk.keys.identity_file("fred")))
    desk.expect_mistake(text, "witness", "pair")


@_mistake("check: an unreadable key file")
def unreadable_key(desk: Desk) -> None:
    # A missing one: nothing is unreadable for root.
    os.rename(desk.keys.identity_file("fred"), desk.keys.directory / "elsewhere")
    desk.expect_mistake(desk.good, str(desk.keys.identity_file("fred")))


@_mistake("check: a key file that others can read, with the mend")
def readable_key(desk: Desk) -> None:
    desk.keys.identity_file("fred").chmod(0o644)
    desk.expect_mistake(desk.good, str(desk.keys.identity_file("fred")), "600")


@_mistake("check: a secret file that others can read")
def readable_secret(desk: Desk) -> None:
    desk.keys.secret_file.chmod(0o640)
    desk.expect_mistake(desk.good, str(desk.keys.secret_file))


@_mistake("check: every mistake is named, not only the first")
def several(desk: Desk) -> None:
    text = desk.good.replace("preempt_after", "preempt_aftre", 1).replace("retries:", "retrys:", 1)
    desk.expect_mistake(text, "preempt_aftre", "retrys")


@_mistake("check: a file that isn't there")
def no_file(desk: Desk) -> None:
    desk.file.unlink()
    done = desk.check()
    expect(done.returncode == 78, f"exit {done.returncode}, not 78")
    expect(str(desk.file) in done.stdout + done.stderr, "the file isn't named")


@_mistake("keygen and secret: files only for their owner, and never over an existing one")
def key_files(desk: Desk) -> None:
    for file in (desk.keys.secret_file, desk.keys.identity_file("fred")):
        mode = file.stat().st_mode & 0o777
        expect(mode == 0o600, f"{file.name} has mode {mode:o}")
    before = desk.keys.identity_file("fred").read_bytes()
    done = run(str(desk.program), "keygen", "--out", str(desk.keys.identity_file("fred")), check=False)
    expect(done.returncode != 0, "keygen replaced a key that was there")
    expect(desk.keys.identity_file("fred").read_bytes() == before, "the key was overwritten")


@_mistake("exit codes: 64 for wrong usage, 69 for a daemon that isn't there")
def exit_codes(desk: Desk) -> None:
    wrong = run(str(desk.program), "status", "--nonsense", check=False)
    expect(wrong.returncode == 64, f"wrong usage: exit {wrong.returncode}")
    nobody = run(str(desk.program), "status", "--socket", str(desk.file.parent / "no.sock"), check=False)
    expect(nobody.returncode == 69, f"no daemon: exit {nobody.returncode}")
    expect(nobody.stdout == "" and nobody.stderr.strip() != "", "talk belongs on stderr")

"""Questions to the journals of a real run, copied away from the cluster: who held it, why it moved, and the page."""

import json
import shutil
import socket
import tempfile
import time
from pathlib import Path

from harness import Stage, expect, test
from labkit import topology
from labkit.commands import run


def _copied(stage: Stage) -> list[str]:
    """The journals as an auditor gets them: nothing else of the cluster."""
    # What nobody waits for reaches the disk within half a second.
    time.sleep(1.2)
    target = Path(tempfile.mkdtemp(prefix="journals-", dir=stage.network.directory))
    for node in stage.cluster.nodes.values():
        shutil.copytree(node.journals()[0], target / node.name)
    return [str(path) for path in sorted(target.iterdir())]


def _ask(stage: Stage, *words: str) -> dict:
    program = str(stage.cluster.nodes["fred"].program)
    done = run(program, *words, "--json", check=False, timeout=60)
    expect(done.returncode == 0, f"electd {' '.join(words[:3])}: exit {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


@test("why names the link that was cut, from copied journals alone", preempt_after="never")
def why_cut(stage: Stage) -> None:
    holder = stage.settle()
    stage.network.cut(holder)
    other = stage.cluster.wait_for_holder(besides=holder)
    journals = _copied(stage)
    causes = _ask(stage, "why", "last", "--group", "router37", *journals)["causes"]
    found = [(cause["kind"], cause.get("node")) for cause in causes]
    expect(("link_down", holder) in found, f"{holder}'s link was cut, and it says {found}")
    who = _ask(stage, "who-held", topology.VIP, "--at=-100ms", *journals)
    expect(who["answer"] == "held" and who["holders"][0]["node"] == other, f"{who}")
    none = _ask(stage, "overlaps", *journals)
    expect(none["overlaps"] == [], f"{none}")


@test("why names the operator who moved it, and where the order was given", preempt_after="1s")
def why_transfer(stage: Stage) -> None:
    holder = stage.settle()
    stage.transfer(stage.cluster.other(holder))
    stage.cluster.wait_for_holder(besides=holder)
    causes = _ask(stage, "why", "last", "--group", "router37", *_copied(stage))["causes"]
    expect(causes and causes[0]["kind"] == "operator_transfer" and causes[0]["node"] == holder, f"{causes}")


@test("the timeline as a page: a real browser runs it, and it shows the state at the cursor", preempt_after="never")
def page(stage: Stage) -> None:
    holder = stage.settle()
    stage.network.silence(holder)
    stage.cluster.wait_for_holder(besides=holder)
    journals = _copied(stage)
    target = stage.network.directory / "timeline.html"
    program = str(stage.cluster.nodes["fred"].program)
    run(program, "timeline", "--html", str(target), *journals, timeout=120)
    text = target.read_text()
    expect("<svg" in text and "http://" not in text and "https://" not in text, "not one self-contained page")
    browser = shutil.which("chromium")
    if browser is None:
        print("        (chromium isn't installed: the page was not run; apt-get install chromium)")
        return
    profile = tempfile.mkdtemp(prefix="browser-", dir=stage.network.directory)
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--virtual-time-budget=3000"]
    shown = run(browser, *flags, "--dump-dom", f"file://{target}", check=False, timeout=90).stdout
    expect("state at the cursor" in shown and "HOLDER" in shown, f"the script did not run:\n{shown[-400:]}")


@test("every question answers in JSON, with filters, and refuses with what to write instead", preempt_after="never")
def every_verb(stage: Stage) -> None:
    holder = stage.settle()
    stage.network.cut(holder)
    other = stage.cluster.wait_for_holder(besides=holder)
    journals = _copied(stage)
    for verb in ("overlaps", "gaps", "flaps", "evidence", "timeline"):
        for filters in ([], ["--group", topology.VIP], ["--node", other], ["--from=-3s", "--to=-10ms"]):
            answer = _ask(stage, verb, *filters, *journals)
            expect(answer["schema"] == 1 and answer["troubles"] == [], f"{verb} {filters}: {answer['troubles']}")
    moves = _ask(stage, "whatif", "--set", "lease=1s", "--node", other, *journals)["moves"]
    expect(moves and all(move["node"] == other for move in moves), f"{moves}")
    why = _ask(stage, "why", "--node", holder, *journals)
    expect(why["event"].startswith(f"{holder} gave up"), why["event"])
    one = _ask(stage, "who-held", topology.VIP, "--at=-800ms", "--node", holder, *journals)
    expect(one["answer"] == "nobody", f"{one}")
    program = str(stage.cluster.nodes["fred"].program)
    for words, code, mend in (
        (["who-held", "192.0.2.9", *journals], 64, "router37"),
        (["who-held", topology.VIP, "--at", "yesterday", *journals], 64, "@SECONDS"),
        (["who-held", topology.VIP], 64, "/var/lib/electd"),
        (["why", "joe:1:1", *journals], 64, "ethyl, fred, lucy"),
        (["why", "fred:1:99999", *journals], 64, "NODE:SEGMENT:RECORD"),
        (["gaps", "--node", "joe", *journals], 64, "ethyl, fred, lucy"),
        (["whatif", *journals], 64, "lease=1s"),
        (["whatif", "--set", "lease=1", *journals], 64, "1ms to 1h"),
        (["timeline", "/nonexistent"], 1, "No such file"),
        (["flaps", "--key", "fred", *journals], 64, "NODE=ed25519:"),
        (["prove", "fred:1:99999", *journals], 64, "records 0 to"),
        (["log", "verify", "/etc/hostname"], 1, "not a segment"),
    ):
        done = run(program, *words, check=False)
        said = done.stdout + done.stderr
        expect(done.returncode == code and mend in said, f"electd {' '.join(words[:3])}: {done.returncode}: {said}")


def _decisions(stage: Stage, path: Path) -> list[str]:
    """What the daemons send to the machine's log at `path`, where this machine has none, while an operator moves the group."""
    if path.exists():
        print(f"        ({path} is this machine's own: not tried)")
        return []
    made = [parent for parent in path.parents if not parent.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        heard.bind(str(path))
        heard.setblocking(False)
        holder = stage.settle()
        stage.transfer(stage.cluster.other(holder))
        stage.cluster.wait_for_holder(besides=holder)
        time.sleep(0.5)
        lines = []
        try:
            while True:
                lines.append(heard.recv(65536).decode())
        except BlockingIOError:
            return lines
    finally:
        heard.close()
        path.unlink()
        for parent in made:
            parent.rmdir()


@test("decisions go to journald as fields", log="{ decisions: journald }")
def decisions_to_journald(stage: Stage) -> None:
    lines = _decisions(stage, Path("/run/systemd/journal/socket"))
    for line in lines:
        fields = dict(field.split("=", 1) for field in line.rstrip("\n").split("\n"))
        expect(fields["SYSLOG_IDENTIFIER"] == "electd" and fields["PRIORITY"] == "5", line)
        expect(fields["ELECTD_GROUP"] == "router37" and fields["ELECTD_NODE"] in stage.cluster.nodes, line)
        expect(fields["ELECTD_TERM"].isdigit() and fields["ELECTD_REASON"] in fields["MESSAGE"], line)
    expect(not lines or any("ELECTD_ROLE=holder" in line for line in lines), f"no holder among {lines}")


@test("decisions go to syslog as lines", log="{ decisions: syslog }")
def decisions_to_syslog(stage: Stage) -> None:
    lines = _decisions(stage, Path("/dev/log"))
    expect(all(line.startswith("<29>electd: router37: ") and " in term " in line for line in lines), f"{lines}")
    expect(not lines or any(": holder in term" in line for line in lines), f"no holder among {lines}")


@test("log follow prints what is written while it runs, for people and for programs")
def follow(stage: Stage) -> None:
    holder = stage.settle()
    node = stage.cluster.nodes[holder]
    for flags in ([], ["--json"]):
        log = stage.network.start(
            holder, "-".join(["follow", *flags]), str(node.program), "log", "follow", *flags, "--lines", "0", str(node.state)
        )
        try:
            time.sleep(1.5)
            before = log.log.read_text().count("\n")
            time.sleep(1.5)
            lines = log.log.read_text().splitlines()
            expect(len(lines) > before, f"nothing new: {log.last_words()}")
            # The last may be half written.
            expect(not flags or all("kind" in json.loads(line) for line in lines[:-1]), f"no records: {lines}")
        finally:
            log.stop()

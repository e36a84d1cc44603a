"""Questions to the journals of a real run, copied away from the cluster: who held it, why it moved, and the page."""

import json
import shutil
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


@test("log follow prints what is written while it runs")
def follow(stage: Stage) -> None:
    holder = stage.settle()
    node = stage.cluster.nodes[holder]
    log = stage.network.start(holder, "follow", str(node.program), "log", "follow", "--lines", "0", str(node.state))
    try:
        time.sleep(1.5)
        before = log.log.read_text().count("\n")
        time.sleep(1.5)
        expect(log.log.read_text().count("\n") > before, f"nothing new: {log.last_words()}")
    finally:
        log.stop()

"""One corpus of requests and answers through electd, HAProxy and nginx, each before a server that records what it gets.

Exits with 1 when electd passes something that RFC 9110 or 9112 or one of the others calls ambiguous, when a server sees
more requests than were sent, or bytes that could be read in two ways; and when a plain request isn't served.
"""

import argparse
import json
import shutil
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

from . import differential_answers, differential_requests, exchange, fronts, table
from .commands import CommandFailed
from .differential_requests import Case
from .interrupts import become_interruptible
from .recording import Origin
from .strictness import faults, messages

_WORD = {0: "refused", 1: "1 request"}


@dataclass
class Seen:
    """What became of one case behind one proxy."""

    status: str
    requests: int
    heard: list[bytes]

    def word(self) -> str:
        return f"{self.status}, {_WORD.get(self.requests, f'{self.requests} requests')}"


@dataclass
class Row:
    case: Case
    seen: dict[str, Seen] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def as_json(self) -> dict:
        columns = {name: {"status": seen.status, "requests": seen.requests} for name, seen in self.seen.items()}
        return {"name": self.case.name, **columns, "wrong": self.wrong}


def main() -> int:
    arguments = _arguments()
    become_interruptible()
    directory = Path(tempfile.mkdtemp(prefix="electd-differential-"))
    try:
        rows = _requests(directory / "requests", arguments) + _answers(directory / "answers", arguments)
    except KeyboardInterrupt:
        return 130
    except (CommandFailed, RuntimeError, FileNotFoundError) as error:
        print(f"differential: {error}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    _print(rows, arguments)
    return 1 if any(row.wrong for row in rows) else 0


_LANES = 4
"""Cases that wait for a timeout would make the whole run long; so several go at once, each beside servers of its own."""


def _requests(directory: Path, arguments: argparse.Namespace) -> list[Row]:
    rows = [Row(case) for case in differential_requests.cases() if arguments.filter in case.name]
    _through_all(directory, rows, {}, _ask)
    for row in rows:
        _judge_request(row)
    # On a busy machine a plain request may run into a timeout of the proxies'. What passes wrongly gets no second try.
    late = [row for row in rows if row.wrong == [_missing(row)]]
    if late:
        for row in late:
            row.wrong = []
        _through_all(directory.with_name("again"), late, {}, _ask)
        for row in late:
            _judge_request(row)
    return rows


def _missing(row: Row) -> str:
    return f"a server saw {row.seen['electd'].requests} requests of {row.case.least}"


def _through_all(directory: Path, rows: list[Row], answers: dict[str, bytes], ask) -> None:
    directory.mkdir()
    lanes = [{name: Origin("127.0.0.1", answers) for name in fronts.NAMES} for _ in range(_LANES)]
    with fronts.started(directory, lanes) as ports:
        threads = [
            threading.Thread(target=_go_along, args=(rows, number, name, ports[number][name], lanes[number][name], ask))
            for number in range(_LANES)
            for name in fronts.NAMES
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for origin in (origin for lane in lanes for origin in lane.values()):
        origin.close()


def _go_along(rows: list[Row], lane: int, name: str, port: int, origin: Origin, ask) -> None:
    for number in range(lane, len(rows), _LANES):
        origin.forget()
        rows[number].seen[name] = ask(number, rows[number], fronts.ADDRESSES[name], port, origin)


def _ask(number: int, row: Row, address: str, port: int, origin: Origin) -> Seen:
    said = exchange.ask(address, port, row.case.wire)
    heard = origin.heard()
    return Seen(exchange.statuses(said), sum(len(messages(one)) for one in heard), heard)


def _judge_request(row: Row) -> None:
    ours = row.seen["electd"]
    if ours.requests > row.case.most:
        row.wrong.append(f"a server saw {ours.requests} requests, at most {row.case.most} may be there")
    if ours.requests < row.case.least:
        row.wrong.append(_missing(row))
    for heard in ours.heard:
        row.wrong += [f"a server got {fault}" for fault in faults(heard)]
    if ours.requests and not row.case.though:
        row.wrong += [f"{name} refuses it" for name in ("haproxy", "nginx") if row.seen[name].status in ("400", "501", "505")]


def _answers(directory: Path, arguments: argparse.Namespace) -> list[Row]:
    answers = [answer for answer in differential_answers.cases() if arguments.filter in answer.name]
    rows = [Row(answer.as_case()) for answer in answers]
    _through_all(directory, rows, {f"/{number}": answer.wire for number, answer in enumerate(answers)}, _hear)
    for row, answer in zip(rows, answers):
        if wrong := answer.judge(row.seen["electd"].heard[0]):
            row.wrong.append(wrong)
    return rows


def _hear(number: int, row: Row, address: str, port: int, origin: Origin) -> Seen:
    said = exchange.ask(address, port, row.case.wire.replace(b"/t ", f"/{number} ".encode()))
    return Seen(exchange.statuses(said), len(origin.heard()), [said])


def _print(rows: list[Row], arguments: argparse.Namespace) -> None:
    wrong = [row for row in rows if row.wrong]
    if arguments.json:
        for row in rows:
            print(json.dumps(row.as_json()))
        return
    shown = wrong if arguments.brief else rows
    if shown:
        cells = [[row.case.name, *(row.seen[name].word() for name in fronts.NAMES)] for row in shown]
        print(table.rendered(["case", *fronts.NAMES], cells))
    for row in wrong:
        print(f"WRONG  {row.case.name}: {'; '.join(row.wrong)}")
    print(f"{len(rows)} cases, {len(wrong)} wrong")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Tools/differential", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object per case")
    parser.add_argument("--brief", action="store_true", help="only what is wrong")
    parser.add_argument("--filter", default="", metavar="WORD", help="only cases with this in their name")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""The journal: every decision on the disk before it counts, whatever a crash or a full disk did to the line before."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.failpoints import DIED
from shared.messaging.outbox import StoredEvent
from shared.propagation.journal import Journal
from tests.kit.dying import live

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def event(name: str, body: str = "{}") -> StoredEvent:
    """A decision as it was signed."""
    return StoredEvent(name, "discreet.decision.erasure.v1", body, "sig", "key")


def names(directory: Path) -> list[str]:
    """The decisions that a restore would find."""
    return [line["event_id"] for line in Journal(directory).read()]


def test_a_decision_is_kept_word_for_word_in_the_file_of_its_month(tmp_path: Path) -> None:
    """With signature and key, for the same checks as when it first came."""
    journal = Journal(tmp_path / "journal")
    body = json.dumps({"ground": "één\u2028regel\x0b"}, ensure_ascii=False)
    journal.append([(event("a", body), NOON)])
    journal.append([(event("b"), NOON.replace(month=12, day=1))])
    assert [path.name for path in sorted((tmp_path / "journal").iterdir())] == [
        "decisions-2026-11.jsonl",
        "decisions-2026-12.jsonl",
    ]
    first, second = journal.read()
    assert first == {
        "recorded_at": "2026-11-30T12:00:00.000000Z",
        "event_id": "a",
        "type": "discreet.decision.erasure.v1",
        "body": body,
        "signature": "sig",
        "key_id": "key",
    }
    assert second["event_id"] == "b"


def test_words_on_decisions_stand_in_files_of_their_own(tmp_path: Path) -> None:
    """They are not waited for, so a decision's file holds decisions only."""
    journal = Journal(tmp_path)
    journal.append([(event("a"), NOON)])
    journal.note([(event("b"), NOON)])
    assert names(tmp_path) == ["a"]
    assert [line["event_id"] for line in journal.read_words()] == ["b"]


def test_months_go_when_their_term_is_over(tmp_path: Path) -> None:
    """Never one that a decision of the term may stand in."""
    journal = Journal(tmp_path)
    for month in (8, 9, 10, 11):
        journal.append([(event(str(month)), NOON.replace(month=month, day=1))])
        journal.note([(event(str(month)), NOON.replace(month=month, day=1))])
    journal.forget_before(NOON.replace(month=10, day=31))
    assert names(tmp_path) == ["10", "11"]
    assert [line["event_id"] for line in journal.read_words()] == ["10", "11"]


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    """References say little, and that little is not for everybody on the machine."""
    Journal(tmp_path / "journal").append([(event("a"), NOON)])
    assert stat.S_IMODE((tmp_path / "journal").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "journal" / "decisions-2026-11.jsonl").stat().st_mode) == 0o600


def test_a_file_is_named_on_the_disk_by_whoever_comes_after_the_one_that_made_it(tmp_path: Path) -> None:
    """Who made the file may end before that; without its name the next power cut would take every line in it."""
    journal = Journal(tmp_path / "journal")
    for name in ("a", "b"):
        assert live(lambda name=name: journal.append([(event(name), NOON)]), "journal.flushed") == DIED
    assert names(tmp_path / "journal") == ["a", "b"]


def test_a_line_that_a_crash_cut_short_takes_no_other_with_it(tmp_path: Path) -> None:
    """The decision after the crash must not be glued to half a line, where nobody could read it."""
    journal = Journal(tmp_path)
    journal.append([(event("before"), NOON)])
    journal.append([(event("cut short"), NOON)])
    with (tmp_path / "decisions-2026-11.jsonl").open("r+b") as file:
        file.truncate(file.seek(-40, 2))
    journal.append([(event("after"), NOON)])
    journal.append([(event("and on"), NOON)])
    assert names(tmp_path) == ["before", "after", "and on"]


def test_a_disk_that_is_full_is_an_error_and_not_half_a_line(tmp_path: Path) -> None:
    """What was not written does not count as registered: the decision is said again until it is."""
    script = (
        "import resource, sys\n"
        "from datetime import UTC, datetime\n"
        "from pathlib import Path\n"
        "from shared.messaging.outbox import StoredEvent\n"
        "from shared.propagation.journal import Journal\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))\n"
        "event = StoredEvent('a', 'x', 'y' * 200, 'sig', 'key')\n"
        "try:\n"
        "    Journal(Path(sys.argv[1])).append([(event, datetime(2026, 11, 30, tzinfo=UTC))])\n"
        "except OSError:\n"
        "    sys.exit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], check=False)
    assert done.returncode == 7
    Journal(tmp_path).append([(event("later"), NOON)])
    assert names(tmp_path) == ["later"]


def test_without_a_journal_there_is_nothing_to_read(tmp_path: Path) -> None:
    """A new installation."""
    assert names(tmp_path / "none") == []


def test_two_processes_write_into_one_file(tmp_path: Path) -> None:
    """Each line whole, none lost."""
    script = (
        "import sys\n"
        "from datetime import UTC, datetime\n"
        "from pathlib import Path\n"
        "from shared.messaging.outbox import StoredEvent\n"
        "from shared.propagation.journal import Journal\n"
        "for number in range(40):\n"
        "    event = StoredEvent(f'{sys.argv[2]}-{number}', 'x', 'y' * 5000, 'sig', 'key')\n"
        "    Journal(Path(sys.argv[1])).append([(event, datetime(2026, 11, 30, tzinfo=UTC))])\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, tmp_path, name]) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert sorted(names(tmp_path)) == sorted(f"{name}-{number}" for name in "ab" for number in range(40))

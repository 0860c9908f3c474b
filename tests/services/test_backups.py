"""``discreet backup``, ``discreet restore`` and ``discreet doctor`` as an administrator types them."""

from __future__ import annotations

import fcntl
import json
from threading import Timer
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from services import registry
from services.backups import databases
from services.cli import main
from services.doctor import about_sqlite
from shared.database import Database
from shared.errors import ConfigurationError
from shared.restore.keeping import Keeper
from shared.settings import CONFIG, ROOT, SERVICES
from tests.kit.installation import Hands, Installation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

Type = "Callable[..., Result]"


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Give an installation whose workers have written their marks."""
    made = Installation(tmp_path / "home", dict(registry.load_all()), clock_file(tmp_path))
    mark(made)
    yield made
    made.close()


def clock_file(tmp_path: Path) -> Hands:
    """Return the installation's clock, which the command reads from a file."""
    clock = Hands()
    (tmp_path / "clock").write_text(clock().isoformat())
    return clock


def mark(made: Installation) -> None:
    """Let every worker see to its marks once."""
    for name, tools in made.tools.items():
        Keeper(made.services[name], tools).close()


@pytest.fixture
def discreet(installation: Installation, tmp_path: Path) -> Type:
    """Run a command on it."""

    def run(*words: object, **environ: str) -> Result:
        (tmp_path / "clock").write_text(installation.clock().isoformat())
        environ = {
            "DISCREET_MODE": "trial",
            "DISCREET_HOME": str(installation.home),
            "DISCREET_TESTING": "1",
            "DISCREET_CLOCK_FILE": str(tmp_path / "clock"),
            **environ,
        }
        return CliRunner().invoke(main, [str(word) for word in words], env=environ)

    return run


def said(result: Result) -> str:
    """Return what a command that went well printed."""
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


def refused(result: Result) -> str:
    """Return the one line of a command that could not do it."""
    assert result.exit_code == 2, result.output
    [line] = result.output.splitlines()
    return line.removeprefix("discreet: ")


def unit(place: Path, kind: str) -> Path:
    """Return the one backup of a kind."""
    [found] = (place / kind).iterdir()
    return found


def test_data_and_keys_are_backed_up_apart_and_for_nobody_else(discreet: Type, tmp_path: Path):
    """Keys are kept shorter; and neither is there unless it is there whole."""
    place = tmp_path / "backups"
    assert "journal" in said(discreet("backup", "--out", place))
    for kind in ("data", "keys"):
        manifest = json.loads((unit(place, kind) / "manifest.json").read_text())
        databases_of = {part["service"]: part for part in manifest["parts"]}
        assert set(databases_of) == set(SERVICES)
        assert databases_of["intake"]["incarnation"] == "first-intake"
        assert databases_of["intake"]["mark"] == 1
        for path in unit(place, kind).iterdir():
            assert path.stat().st_mode & 0o777 == 0o600
        assert unit(place, kind).stat().st_mode & 0o777 == 0o700


def test_a_backup_that_fails_leaves_nothing(discreet: Type, installation: Installation, tmp_path: Path):
    """Half a backup would be taken for one."""
    installation.close()
    (installation.home / "data" / "requests.sqlite3").write_bytes(b"SQLite format 3\0 and no more")
    result = discreet("backup", "--out", tmp_path / "backups")
    assert result.exit_code == 2
    assert list((tmp_path / "backups" / "data").iterdir()) == []


def test_nothing_is_put_back_under_a_system_that_runs(discreet: Type, installation: Installation, tmp_path: Path):
    """Neither under `discreet up` nor under a worker that was started by itself."""
    said(discreet("backup", "--out", tmp_path / "backups"))
    run = installation.home / "run"
    run.mkdir()
    with (run / "up.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "Stop it first" in refused(discreet("restore", tmp_path / "backups"))
    keeper = Keeper(installation.services["intake"], installation.tools["intake"])
    keeper.step()
    assert "database of intake" in refused(discreet("restore", tmp_path / "backups"))
    keeper.close()
    said(discreet("restore", tmp_path / "backups"))


def test_only_a_whole_backup_of_this_kind_of_system_is_put_back(discreet: Type, tmp_path: Path):
    """And nothing at all when anything is wrong with it."""
    place = tmp_path / "backups"
    said(discreet("backup", "--out", place, "--data-only"))
    assert "no backup of keys" in refused(discreet("restore", place, "--keys-only"))
    assert "is a backup of a trial" in refused(discreet("restore", place, DISCREET_MODE="live"))
    assert discreet("restore").exit_code == 2
    assert discreet("restore", place, "--keys-only", "--data-only").exit_code == 2
    with (unit(place, "data") / "requests.sqlite3").open("r+b") as file:
        file.write(b"x")
    assert "not as it was backed up" in refused(discreet("restore", unit(place, "data")))


def test_who_works_on_postgresql_is_noticed_and_who_is_about_to_go_is_waited_for(postgres_url: Callable[[], str]):
    """A stopped process is done with when PostgreSQL has ended its session, a moment later."""
    url = postgres_url()
    database, other = Database(url), Database(url)
    with other.reading() as session:
        session.execute(sa.text("SELECT 1"))
    assert databases.is_used(database)
    going = Timer(0.3, other.close)
    going.start()
    assert not databases.is_used(database)
    going.join()
    database.close()


def test_one_service_alone_is_put_back_and_marked(discreet: Type, installation: Installation, tmp_path: Path):
    """Also when nothing has happened since: whoever puts a backup back wants to see that."""
    place = tmp_path / "backups"
    said(discreet("backup", "--out", place))
    installation.close()
    printed = said(discreet("restore", place, "--service", "newsletter"))
    assert printed.splitlines()[:2] == ["newsletter, data", "newsletter, keys"]
    assert [name for name, tools in installation.tools.items() if tools.marks.look().is_restoring] == ["newsletter"]
    told = said(discreet("doctor"))
    assert "newsletter: a backup was put back" in told
    assert "intake: never put back" in told


def test_backups_whose_term_is_over_are_removed_and_the_last_never(
    discreet: Type, installation: Installation, tmp_path: Path
):
    """Keys after a fortnight, data after five weeks: by the policy, not by a setting of the timer's."""
    place = tmp_path / "backups"
    said(discreet("backup", "--out", place))
    installation.clock.forward(days=15)
    said(discreet("backup", "--out", place, "--prune"))
    assert [len(list((place / kind).iterdir())) for kind in ("data", "keys")] == [2, 1]
    installation.clock.forward(days=36)
    said(discreet("backup", "--out", place, "--prune", "--keys-only"))
    assert [len(list((place / kind).iterdir())) for kind in ("data", "keys")] == [2, 1]


def test_accounts_of_staff_go_along_to_where_there_are_none(discreet: Type, installation: Installation, tmp_path: Path):
    """On a new machine nobody could sign in without them; elsewhere they could open one that was closed since."""
    account = installation.home / "console" / "accounts.json"
    account.parent.mkdir()
    account.write_text("{}")
    account.chmod(0o600)
    said(discreet("backup", "--out", tmp_path / "backups"))
    installation.close()
    account.write_text("closed since")
    said(discreet("restore", tmp_path / "backups"))
    assert account.read_text() == "closed since"
    account.unlink()
    account.parent.rmdir()
    said(discreet("restore", tmp_path / "backups"))
    assert (account.read_text(), account.stat().st_mode & 0o777) == ("{}", 0o600)


def test_the_doctor_says_what_is_missing_and_never_fails(discreet: Type, installation: Installation, tmp_path: Path):
    """No backup, an old one, keys older than the data, marks that are gone."""
    assert "There is no backup of keys" in said(discreet("doctor"))
    said(discreet("backup", "--out", tmp_path / "backups"))
    assert "0 to look at" in said(discreet("doctor"))
    installation.clock.forward(hours=25)
    said(discreet("backup", "--out", tmp_path / "backups", "--data-only"))
    told = said(discreet("doctor"))
    assert "The last backup of keys is of 2026-11-02" in told
    assert "Keys were backed up before the data" in told
    (installation.settings.journal / "marks" / "intake.json").write_text("nothing of the kind")
    told = said(discreet("doctor"))
    assert "intake: marks cannot be seen" in told
    assert "newsletter: never put back" in told  # what is wrong with one hides nothing of another
    assert "intake" not in said(discreet("doctor", "--service", "newsletter"))
    shipped = (ROOT / CONFIG / "policy.yaml").read_text(encoding="utf-8")
    policy = tmp_path / "policy.yaml"
    policy.write_text(shipped.replace("forwarded_forms: reference", "forwarded_forms: full-text"), encoding="utf-8")
    told = said(discreet("doctor", DISCREET_POLICY=str(policy)))
    assert "NTA 7516" in told
    assert "No mail host may get them" not in told
    elsewhere = {"DISCREET_HOME": str(tmp_path / "nowhere"), "PATH": str(tmp_path)}
    assert "cannot be seen" in said(discreet("doctor", **elsewhere))
    url = {f"DISCREET_{each}DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing" for each in ("", "KEY_")}
    assert "Backups are not made from here" in said(discreet("doctor", **elsewhere, **url))


def test_an_sqlite_with_the_fault_is_named():
    """3.51.3 is the first without it."""
    assert not about_sqlite((3, 40, 1)).well
    assert about_sqlite((3, 51, 3)).well


def test_what_is_missing_for_postgresql_is_named(
    monkeypatch: pytest.MonkeyPatch, postgres_url: Callable[[], str], tmp_path: Path
):
    """And no password is in any command line: pg_dump gets it through its environment."""
    database = Database(postgres_url())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="postgresql-client"):
        databases.copy_out(database, tmp_path / "dump")
    spy = tmp_path / "pg_dump"
    spy.write_text('#!/bin/sh\necho "$@" >&2; exit 1\n')
    spy.chmod(0o755)
    with pytest.raises(ConfigurationError) as raised:
        databases.copy_out(database, tmp_path / "dump")
    assert "--dbname postgresql://" in raised.value.detail
    assert str(database.url.password) not in raised.value.detail
    database.close()

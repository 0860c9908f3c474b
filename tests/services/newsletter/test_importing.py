"""A file of subscribers: like confirmed ones from then on, but nobody who ever said no, and nobody without a proof."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.newsletter.importing import BATCH, Report, import_file
from services.newsletter_commands import newsletter as commands
from tests.services.newsletter.desk import ANNA

COLUMNS = ("email", "first_name", "language", "confirmed_at", "source", "consent_text", "privacy_version")
TEXT = "Ja, mail mij\nde nieuwsbrief; afmelden kan altijd."
NEW, THERE, LEFT_THERE = "fleur@voorbeeld.example", "gijs@voorbeeld.example", "hugo@voorbeeld.example"


def line(email: str, **other: str) -> list[str]:
    """One subscriber as another system kept them."""
    usual = {
        "email": email,
        "first_name": "Lid",
        "language": "nl",
        "confirmed_at": "2024-03-31 02:30",
        "source": "aanmeldformulier op de oude site",
        "consent_text": TEXT,
        "privacy_version": "2023-01-01",
    }
    return list((usual | other).values())


def write(path: Path, lines: list[list[str]], columns: tuple[str, ...] = COLUMNS) -> Path:
    """Write the file as a spreadsheet that is set to Dutch does."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";").writerows([columns, *lines])
    return path


def run(desk, path: Path) -> Result:
    """Type the command."""
    return CliRunner().invoke(commands, ["import", str(path)], obj=lambda: desk.tools.settings)


def counted(result: Result) -> dict[str, int]:
    """What the command said, by the first words."""
    said = [row.split(maxsplit=1) for row in result.stdout.splitlines() if row[:8].strip().isdigit()]
    return {words: int(number) for number, words in said}


def everything(desk) -> tuple[object, ...]:
    """What an import may not touch a second time."""
    return desk.count("subscriptions"), desk.count("obligations"), desk.count("transfers"), desk.members()


def test_p55_who_consented_elsewhere_is_subscribed_and_whoever_said_no_here_or_there_is_not(anywhere, tmp_path) -> None:
    """The file says yes for all of them, later than some of the noes; a no that was said is not overruled by a file."""
    for email in (ANNA, "bert@voorbeeld.example", "dirk@voorbeeld.example"):
        anywhere.subscribe(email)
    anywhere.unsubscribe("bert@voorbeeld.example")
    dirk = next(row for row in anywhere.rows() if row.ref == anywhere.tools.refs.email("dirk@voorbeeld.example"))
    anywhere.decide("erasure", refs=[dirk.ref], records=[dirk.id])
    anywhere.decide("objection", refs=[anywhere.tools.refs.email("emma@voorbeeld.example")])
    anywhere.post([anywhere.item("ilse@voorbeeld.example")])
    anywhere.sign_up("carla@voorbeeld.example")
    for email in (THERE, LEFT_THERE):
        anywhere.provider.subscribe(email, "Lid", reactivate=True)
    anywhere.provider.unsubscribe(anywhere.provider.look_up(LEFT_THERE))  # which Laposta does not tell us
    anywhere.settle()
    calls = len(anywhere.calls("POST"))
    people = [ANNA, *(f"{name}@voorbeeld.example" for name in ("bert", "carla", "dirk", "emma", "ilse")), LEFT_THERE]
    wrong = [
        line("geen adres"),
        line("a@voorbeeld.example", confirmed_at="", consent_text=""),
        line("b@voorbeeld.example", confirmed_at="2031-01-01"),
        line("c@voorbeeld.example")[:-1],
        line("d@voorbeeld.example", first_name="Te\x00ken"),
    ]
    path = write(tmp_path / "lijst.csv", [*map(line, people), *wrong, line(NEW), line(NEW.upper()), [], line(THERE)])

    result = run(anywhere, path)

    assert result.exit_code == 1
    assert counted(result) == {
        "on the programme's list": 4,
        "subscribed": 2,
        "were subscribed already": 1,
        "have yet to answer our own confirmation mail": 1,
        "not taken in: they said no here": 3,
        "not taken in: they were erased here": 1,
        "not taken in: they left at the programme": 1,
        "stood in the file before": 1,
        "lines are wrong": 5,
    }
    assert result.stderr.splitlines() == [
        "line 16: email",
        "line 18: confirmed_at, consent_text",
        "line 19: confirmed_at",
        "line 21: the number of columns",
        "line 23: first_name",
    ]
    assert "@" not in result.output
    anywhere.settle()
    assert len(anywhere.calls("POST")) == calls + 1  # who is there already is not given again
    assert {anywhere.members()[email] for email in (NEW, THERE)} == {"active"}
    assert anywhere.members()[LEFT_THERE] == "unsubscribed"

    before = everything(anywhere)
    again = counted(run(anywhere, path))
    assert (again.get("subscribed"), again["were subscribed already"]) == (None, 3)
    assert everything(anywhere) == before


def test_p21_an_imported_subscription_has_its_proof_and_ends_as_any_other(newsletter, tmp_path) -> None:
    """What staff see is what the other system kept; who confirms with us anew has that yes; erased, it is gone."""
    newsletter.provider.subscribe(THERE, "Gijs", reactivate=True)
    assert run(newsletter, write(tmp_path / "lijst.csv", [line(THERE)])).exit_code == 0
    (imported,) = newsletter.rows()

    def proof() -> dict:
        found = newsletter.client.post(
            "/newsletter/v1/subscriptions/search", json={"email": THERE}, headers=newsletter.bearer("fg")
        )
        assert found.json["items"][0]["provider"] == {"processor": "laposta", "state": "subscribed"}
        return found.json["items"][0]["proof"]

    assert (shown := proof())["method"] == "imported"
    assert (shown["source"], shown["text"]) == ("aanmeldformulier op de oude site", TEXT)
    assert shown["confirmed_at"] == "2024-03-31T01:30:00.000000Z"  # an hour that there was not, in the clinic's zone
    assert shown["imported_at"] is not None
    newsletter.sign_up(THERE)
    newsletter.confirm(THERE)
    newsletter.settle()
    assert (shown := proof())["method"] == "double-opt-in"
    assert (shown["imported_at"], TEXT in shown["text"]) == (None, False)

    decision = newsletter.decide("erasure", refs=[imported.ref], records=[imported.id])
    newsletter.settle()
    assert {str(name): each.outcome for name, each in newsletter.receipts(decision).items()} == {
        "None": "done",
        "laposta": "done",
    }
    assert (newsletter.rows(), newsletter.members()) == ([], {})


def test_an_opt_out_from_before_the_import_ends_what_was_imported(newsletter, tmp_path) -> None:
    """The yes counts from when it was said and not from when the file came; so a no on its way since then is a no."""
    newsletter.clock.forward(days=-1)
    decision = newsletter.decide("unsubscribe", refs=[newsletter.tools.refs.email(NEW)])
    newsletter.clock.forward(days=1)
    assert counted(run(newsletter, write(tmp_path / "lijst.csv", [line(NEW)])))["subscribed"] == 1
    newsletter.settle()
    assert [row.state for row in newsletter.rows()] == ["ended"]
    assert newsletter.receipts(decision)[None].outcome == "done"
    assert newsletter.members().get(NEW) != "active"


def test_a_file_without_the_columns_of_a_proof_changes_nothing(newsletter, tmp_path) -> None:
    """The programme is not asked either; and a first person who stands where the header should be is not repeated."""
    for missing in ("confirmed_at", "source", "consent_text", "privacy_version", "email"):
        columns = tuple(name for name in COLUMNS if name != missing)
        done = run(newsletter, write(tmp_path / "lijst.csv", [line(NEW)[:-1]], columns))
        assert f"lacks columns: {missing}. Nothing was changed." in done.exception.detail
    headless = run(newsletter, write(tmp_path / "kaal.csv", [], tuple(line(NEW))))
    assert "lacks columns" in headless.exception.detail
    assert NEW not in str(headless.exception.detail)
    more = run(newsletter, write(tmp_path / "meer.csv", [[*line(NEW), "0612345678"]], (*COLUMNS, "telefoon")))
    assert "1 more columns" in more.exception.detail
    assert (newsletter.rows(), newsletter.calls()) == ([], [])


def test_a_file_in_the_letters_of_an_older_spreadsheet_is_said_to_be_so(newsletter, tmp_path) -> None:
    """And not that its names are wrong; the lines without an accent go in."""
    path = tmp_path / "lijst.csv"
    lines = [line(NEW, first_name="Zoë"), line(THERE)]
    path.write_bytes(write(path, lines).read_text(encoding="utf-8-sig").encode("cp1252"))
    done = run(newsletter, path)
    assert done.stderr.splitlines() == ["line 2: letters that are not UTF-8: save the file as CSV UTF-8"]
    assert (done.exit_code, counted(done)["subscribed"]) == (1, 1)


def test_a_file_that_was_cut_off_is_run_again(newsletter, tmp_path) -> None:
    """A batch is in or not in; what was in is known the second time. Nothing is lost after a quote left open."""
    lines = [line(f"lid{number}@voorbeeld.example") for number in range(BATCH * 2 + 10)]
    path = write(tmp_path / "lijst.csv", lines)

    class PowerCutError(Exception):
        pass

    def cut(_place: int) -> None:
        raise PowerCutError

    def nothing(_number: int) -> None:
        pass

    with pytest.raises(PowerCutError):
        import_file(newsletter.tools, path, Report(), listing=nothing, reading=cut)
    assert newsletter.count("subscriptions") == BATCH
    second = counted(run(newsletter, path))
    assert (second["subscribed"], second["were subscribed already"]) == (BATCH + 10, BATCH)
    path.write_text(path.read_text(encoding="utf-8") + '"open;', encoding="utf-8")
    assert run(newsletter, path).stderr.splitlines() == [
        f"line {2 + 2 * len(lines)}: not CSV up to line {2 + 2 * len(lines)}"
    ]

"""Our list and the programme's, compared: what differs is put right by 'an opt-out always wins', and reported."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from click.testing import CliRunner

from services.doctor import newsletter_list
from services.newsletter import comparing, comparisons
from services.newsletter.importing import Report, import_file
from services.newsletter.processors.interface import Member, MemberPage
from services.newsletter_commands import newsletter as commands
from tests.services.newsletter.desk import ANNA
from tests.services.newsletter.test_importing import line, write

BERT, CARLA, DIRK, EMMA, FLEUR = (f"{name}@voorbeeld.example" for name in ("bert", "carla", "dirk", "emma", "fleur"))
MAILED = ("active", "subscribed", "confirmed")


def compare(desk, how: str = comparisons.COMMAND) -> dict[str, int]:
    """Compare to the end, some time after whatever happened, and let what follows come to rest."""
    desk.clock.forward(hours=2)
    comparison = comparing.begin(desk.tools, desk.processor, how)
    while comparison.step() is not None:
        pass
    desk.settle()
    return {what: number for what, number in comparison.found().items() if number}


def states(desk) -> dict[str, str]:
    """Who is mailed there, and who is there and not."""
    return {email: "mailed" if state in MAILED else "not" for email, state in desk.members().items()}


def bring(desk, path, *emails: str) -> None:
    """Have subscribers whom the programme had before us: so there are no webhooks yet, and we are told nothing."""
    for email in emails:
        desk.provider.subscribe(email, "Lid", reactivate=True)
    write(path / "lijst.csv", [line(email) for email in emails])
    import_file(desk.tools, path / "lijst.csv", Report(), listing=lambda _: None, reading=lambda _: None)


def row_of(desk, email: str):
    """The subscription of an address."""
    return next(row for row in desk.rows() if row.ref == desk.tools.refs.email(email))


def test_p55_drift_either_way_is_put_right_and_an_opt_out_always_wins(either, tmp_path) -> None:
    """Left there, back there, erased here, never there, and somebody whom nobody here knows: in one comparison."""
    either.insert_confirmed([DIRK])
    bring(either, tmp_path, ANNA, BERT, CARLA, EMMA)
    either.decide("unsubscribe", refs=[either.tools.refs.email(BERT)])
    either.decide("erasure", refs=[either.tools.refs.email(CARLA)], records=[row_of(either, CARLA).id])
    either.settle()
    assert (states(either)[BERT], CARLA in states(either)) == ("not", False)
    either.provider.unsubscribe(either.provider.look_up(ANNA))
    if either.programme == "mailerlite":  # which takes nobody back by its API
        either.at_programme("resubscribe", BERT, wait=False)
    else:
        either.provider.subscribe(BERT, "Bert", reactivate=True)
    if either.programme != "mailchimp":  # which erases for good
        either.provider.subscribe(CARLA, "Carla", reactivate=True)
    either.provider.subscribe(FLEUR, "Fleur", reactivate=True)
    before = [row.state for row in either.rows()]

    dry = compare(either, comparisons.DRY)
    assert ([row.state for row in either.rows()], either.decisions()) == (before, [])
    found = compare(either)

    assert found == dry
    assert found == {"left-there": 1, "back-there": 1, "missing-there": 1, "unknown-here": 1} | (
        {} if either.programme == "mailchimp" else {"erased-here": 1}
    )
    assert states(either) == {ANNA: "not", BERT: "not", DIRK: "mailed", EMMA: "mailed", FLEUR: "mailed"}
    ours = {email: row_of(either, email).state for email in (ANNA, BERT, DIRK, EMMA)}
    assert ours == {ANNA: "ended", BERT: "ended", DIRK: "confirmed", EMMA: "confirmed"}
    left, back = sorted(either.decisions(), key=lambda each: each.ground)
    assert (left.ground, left.reported_by) == ("consent-withdrawn", either.programme)
    assert (back.ground, back.decided_by) == ("opted-out-and-back-at-programme", "policy")
    assert {either.receipts(each.decision)[either.programme].outcome for each in (left, back)} == {"done"}
    assert compare(either) == {"unknown-here": 1}


def test_what_is_not_settled_is_not_judged(anywhere, tmp_path) -> None:
    """A no and a new yes on their way there, what was done a moment ago, and who may not be mailed for now."""
    for email in (ANNA, BERT, CARLA):
        anywhere.subscribe(email)
    restricted = row_of(anywhere, CARLA)
    anywhere.decide("restriction", refs=[restricted.ref], records=[restricted.id])
    anywhere.settle()
    anywhere.clock.forward(hours=2)
    anywhere.stage.behave("laposta", "fail")
    anywhere.unsubscribe(ANNA)
    anywhere.unsubscribe(BERT)
    anywhere.settle()
    anywhere.clock.forward(hours=1)
    anywhere.sign_up(BERT)
    anywhere.confirm(BERT)
    anywhere.settle()
    anywhere.stage.behave("laposta", "normal")
    decided = len(anywhere.decisions())
    comparison = comparing.begin(anywhere.tools, anywhere.processor, comparisons.COMMAND)
    while comparison.step() is not None:
        pass
    assert comparison.found() == {"under-way": 2}  # Bert is mailed there, as he should be
    assert (len(anywhere.decisions()), row_of(anywhere, CARLA).state) == (decided, "confirmed")
    anywhere.clock.forward(hours=1)
    anywhere.settle()
    assert compare(anywhere) == {"under-way": 1}
    assert states(anywhere) == {ANNA: "not", BERT: "mailed", CARLA: "not"}


def test_a_list_that_is_behind_ends_nothing(newsletter) -> None:
    """Before anything is done about somebody, the programme is asked about them."""
    newsletter.subscribe()
    newsletter.clock.forward(hours=2)

    class Behind:
        """A list of before Anna came back, which does not show Bert yet."""

        check = newsletter.provider.check
        get_state = newsletter.provider.get_state

        def members(self, after: str = "") -> MemberPage:
            return MemberPage(members=[Member(email=ANNA, state="unsubscribed")], rest=None)

    comparison = replace(comparing.begin(newsletter.tools, newsletter.processor, "command"), provider=Behind())
    while comparison.step() is not None:
        pass
    assert comparison.found() == {"well-after-all": 1}
    assert [row.state for row in newsletter.rows()] == ["confirmed"]


def test_whom_the_programme_lost_is_given_again_and_a_no_that_it_knows_stays(newsletter, tmp_path) -> None:
    """Not as a fresh opt-in: whoever said no there between our look and our call is not brought back."""
    newsletter.subscribe()
    newsletter.subscribe(BERT)
    newsletter.provider.erase(newsletter.provider.look_up(ANNA))
    newsletter.provider.erase(newsletter.provider.look_up(BERT))
    newsletter.clock.forward(hours=2)
    comparison = comparing.begin(newsletter.tools, newsletter.processor, comparisons.COMMAND)
    while comparison.step() is not None:
        pass
    assert comparison.found() == {"missing-there": 2}
    newsletter.provider.subscribe(BERT, "Bert", reactivate=True)
    newsletter.provider.unsubscribe(newsletter.provider.look_up(BERT))
    newsletter.settle()
    assert states(newsletter) == {ANNA: "mailed", BERT: "not"}
    assert compare(newsletter) == {"left-there": 1}
    assert row_of(newsletter, BERT).state == "ended"


def test_the_daily_job_goes_on_where_it_was_cut_off_and_begins_anew_the_next_day(newsletter, caplog) -> None:
    """What cannot be asked now is asked a minute later; a day has one comparison, and what it found is kept."""
    newsletter.subscribe()
    newsletter.provider.subscribe(FLEUR, "Fleur", reactivate=True)
    newsletter.clock.forward(hours=2)
    newsletter.stage.behave("laposta", "busy", times=1)
    newsletter.run_job("compare")
    assert "could not be compared" in caplog.text

    def last():
        with newsletter.tools.database.reading() as session:
            return comparisons.last(session, "laposta")

    assert (last()["place"], last()["ended_at"]) == ("there ", None)
    began = newsletter.clock()
    newsletter.clock.forward(minutes=1)
    newsletter.run_job("compare")
    assert (last()["began_at"], last()["ended_at"]) == (began, newsletter.clock())
    assert last()["found"] == {"unknown-here": 1}
    (said,) = newsletter_list(newsletter.tools.settings, "newsletter")
    assert said.text.endswith("unknown-here 1")
    assert not said.well  # somebody there whom nobody here knows is for staff to look at
    calls = len(newsletter.calls())
    newsletter.run_job("compare")
    assert len(newsletter.calls()) == calls
    newsletter.clock.forward(days=1)
    newsletter.run_job("compare")
    assert last()["began_at"] == began + timedelta(days=1, minutes=1)
    assert ANNA not in caplog.text


def test_the_command_says_what_differs_and_names_nobody(newsletter, tmp_path) -> None:
    """Numbers and words, on a terminal with a bar; 1 when anything differed, so that a script can tell."""
    bring(newsletter, tmp_path, ANNA, BERT)
    newsletter.provider.unsubscribe(newsletter.provider.look_up(ANNA))

    def reconcile(*options: str):
        return CliRunner().invoke(commands, ["reconcile", *options], obj=lambda: newsletter.tools.settings)

    dry = reconcile("--dry-run")
    assert (dry.exit_code, dry.stdout.splitlines()[-2:]) == (
        1,
        ["       1  left at the programme: ended here", "Nothing was changed."],
    )
    assert [row.state for row in newsletter.rows()] == ["confirmed"] * 2
    real = reconcile()
    assert (real.exit_code, real.stdout.splitlines()[-1]) == (1, "Put right.")
    assert {row.state for row in newsletter.rows()} == {"confirmed", "ended"}
    assert "@" not in dry.output + real.output


def test_the_command_s_comparison_counts_for_the_day_unless_it_was_given_up(newsletter) -> None:
    """The job leaves one alone that is under way, and does not wait for one that was stopped by hand."""
    newsletter.subscribe()

    def calls_of_the_job() -> int:
        before = len(newsletter.calls())
        newsletter.clock.forward(minutes=1)
        newsletter.run_job("compare")
        return len(newsletter.calls()) - before

    comparison = comparing.begin(newsletter.tools, newsletter.processor, comparisons.COMMAND)
    comparison.step()
    assert calls_of_the_job() == 0
    comparison.give_up()
    assert calls_of_the_job() > 0
    assert calls_of_the_job() == 0
    newsletter.clock.forward(days=1)
    compare(newsletter)
    assert calls_of_the_job() == 0


def test_nobody_is_given_again_while_something_waits_that_the_programme_told(newsletter) -> None:
    """It may be that they were removed there, which would be undone: what comes of it is not told to who told us."""
    newsletter.subscribe()
    newsletter.clock.forward(minutes=5)
    newsletter.rename("tallies", "elsewhere")
    newsletter.post([newsletter.item(ANNA, action="deleted")])
    newsletter.rename("elsewhere", "tallies")
    newsletter.forget_at_programme()
    compare(newsletter)
    assert newsletter.rows()[0].ended_because == "removed-at-provider"
    assert newsletter.members() == {}

"""The rules by themselves: days, labels, and what a proof rests on."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.requests.cases import letters, rules
from services.requests.cases.confirmation import CATEGORIES
from services.requests.cases.rules import Days, answer_due, extendable_until, reference_of
from shared.deadlines import is_working_day, parse_period
from shared.errors import ConflictError
from shared.events import RecordRef
from shared.policy import Policy

POLICY = Policy.load(Path("deploy/config/policy.yaml"))
DAYS = st.dates(date(2024, 1, 1), date(2040, 1, 1))


@pytest.mark.parametrize(
    ("received", "due"),
    [
        (date(2026, 1, 31), date(2026, 3, 2)),  # 28 February is a Saturday
        (date(2028, 1, 31), date(2028, 2, 29)),
        (date(2026, 11, 25), date(2026, 12, 28)),  # Christmas, its second day and a Sunday
        (date(2026, 4, 5), date(2026, 5, 6)),  # Liberation Day counts every year
    ],
)
def test_p75_a_month_ends_as_the_law_counts(received, due):
    """The day of receipt is not counted, a month is a calendar month, and a holiday moves the end."""
    assert answer_due(Days(received), POLICY.clocks) == due


@given(DAYS, st.booleans(), st.integers(0, 60))
def test_an_answer_is_due_on_a_working_day_and_never_beyond_three_months_and_the_pause(received, extended, paused):
    """Whatever the calendar does (AVG art. 12(3); Regulation 1182/71)."""
    due = answer_due(Days(received, extended=extended, paused_days=paused), POLICY.clocks)
    assert is_working_day(due)
    longest = timedelta(days=92 if extended else 31) + timedelta(days=paused + 5)
    assert received < due <= received + longest
    assert due >= extendable_until(Days(received, paused_days=paused), POLICY.clocks)


@given(st.binary(min_size=8, max_size=8))
def test_a_reference_has_no_letters_that_sound_or_look_alike(entropy):
    """It is read out on the telephone."""
    reference = reference_of(2026, entropy)
    assert reference.startswith("W-2026-")
    assert not set(reference[7:]) & set("01ILOU")


def test_a_category_of_the_dossier_that_nobody_listed_is_taken_to_be_medical():
    """What is forgotten errs on the side of the physician."""
    listed = [RecordRef(service="dossier", category=each, id="x") for each in rules.ADMINISTRATIVE]
    assert rules.medical(listed) == []
    unknown = RecordRef(service="dossier", category="skin-scans", id="x")
    with pytest.raises(ConflictError):
        rules.check_physician([unknown], None)
    rules.check_physician([RecordRef(service="intake", category="contact-forms", id="x")], None)


@pytest.mark.parametrize("language", ["nl", "en"])
def test_every_reason_a_member_of_staff_can_choose_has_words(language):
    """A letter never shows the code's own words."""
    for reason in rules.Doubt.__args__:
        assert letters.doubt_in(language, reason)
    for reason in rules.ExtensionReason.__args__:
        assert letters.extension_in(language, reason)
    assert set(CATEGORIES) - rules.ADMINISTRATIVE <= {"contact-forms", "security-reports", "subscriptions"}


@pytest.mark.parametrize(("text", "said"), [("P35D", "35 dagen"), ("P1M", "1 maand"), ("P1Y2M", "1 jaar 2 maanden")])
def test_a_period_is_written_in_words(text, said):
    """As a person would say it."""
    assert letters.period_in("nl", parse_period(text)) == said


def test_p81_every_letter_names_the_authority_in_both_languages():
    """Whatever else a letter says, it ends with where to complain."""
    texts = [path for path in letters.TEXTS.glob("*.txt") if path.name.split(".")[0] not in ("footer", "court")]
    assert len(texts) >= 12
    for path in texts:
        language = path.suffixes[0]
        assert f'{{% include "footer{language}.txt" %}}' in path.read_text()
        assert path.with_name(path.name.replace(language, ".en" if language == ".nl" else ".nl")).exists()

"""Finding clients by any part of a name, an address, a number or a birth date; and nobody who does not match."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.dossier import rules
from services.dossier.records import client_tokens
from tests.services.dossier.practice import ANNA, BERT

ANNA_S = "Anna Jansen-de Vries"


@pytest.fixture
def peopled(practice):
    """Give a practice with people who are alike."""
    practice.client()
    practice.client(BERT)
    practice.client({"name": "Zoë Müller", "email": "z.muller+spam@straße.example", "phone": "+49 30 1234567"})
    practice.client({"name": "Hanneke van den Anker", "birth_date": "1980-02-15"})
    return practice


@pytest.mark.parametrize(
    "q",
    [
        "jansen",
        "NSE",
        "anna jansen",
        "Vries, Anna",
        "jansen-de vries",
        "anna.jansen@voorbeeld.example",
        "ANNA.JANSEN@",
        "06-12345678",
        "0612345678",
        "06 12 34 56 78",
        "(06) 12 345 678",
        "+31 6 12345678",
        "+31(0)612345678",
        "0031 6 1234 5678",
        "12345678",
        "14-02-1980",
        "14/2/1980",
        "14.02.1980",
        "1980-02-14",
        "14 februari 1980",
        "14 feb. 1980",
        "14 February 1980",
        "anna 14-2-1980",
    ],
)
def test_a_client_is_found_by_any_part_in_any_usual_spelling(peopled, q) -> None:
    """And is the only one."""
    assert peopled.search(q) == [ANNA_S]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("zoe", ["Zoë Müller"]),
        ("muller", ["Zoë Müller"]),
        ("030 1234567", ["Bert Bakker", "Zoë Müller"]),  # one line in two countries, written as at home
        ("+31 30 1234567", ["Bert Bakker"]),
        ("voorbeeld", [ANNA_S, "Bert Bakker"]),
        ("van den anker", ["Hanneke van den Anker"]),
        ("1980", [ANNA_S, "Hanneke van den Anker"]),
        ("jansen bakker", []),
        ("13-02-1980", []),
        ("dorpsstraat", []),  # where somebody lives is no way to find them
        ("' OR 1=1 --", []),
        ("%%%jan", [ANNA_S]),
    ],
)
def test_who_matches_is_found_and_nobody_else(peopled, q, found) -> None:
    """Every word counts; accents and case do not."""
    assert peopled.search(q) == found


@pytest.mark.parametrize("q", ["", " ", "an", " an ", "---", "....", "\t"])
def test_three_characters_are_the_least(peopled, q) -> None:
    """Fewer would be a list of everybody."""
    assert peopled.post("clients/search", {"q": q}).status_code == 422


def test_tokens_that_agree_by_chance_show_nobody(practice) -> None:
    """Candidates are opened and looked at: all parts of a word in other places is not that word."""
    practice.client({"name": "Abcde Bcdef"})
    assert practice.search("abcdef") == []  # abc, bcd, cde and def are all there
    assert practice.search("bcdef") == ["Abcde Bcdef"]


def test_results_come_in_pages_the_latest_first(practice) -> None:
    """Also with candidates in between that do not match; nobody twice and nobody left out."""
    for number in range(7):
        practice.client({"name": f"Jansen {number:03}"})
        practice.client({"name": f"Janse Ansen {number:03}"})
        practice.clock.forward(minutes=number % 2)  # some at the very same time
    seen, path = [], "clients/search?limit=3"
    while path:
        answer = practice.post(path, {"q": "jansen"}).json
        seen += [item["name"] for item in answer["items"]]
        path = answer["next"] and f"clients/search?limit=3&cursor={answer['next']}"
    assert sorted(seen) == [f"Jansen {number:03}" for number in range(7)]
    assert seen[0] == "Jansen 006"


def test_a_search_for_somebody_who_was_erased_finds_nobody(practice) -> None:
    """With the client goes by what they were found."""
    client = practice.client()
    assert practice.count(client_tokens.name) > 20
    practice.decide(clients=[client])
    practice.settle()
    assert (practice.search("jansen"), practice.count(client_tokens.name)) == ([], 0)


LETTERS = st.characters(categories=["Lu", "Ll"], max_codepoint=0x17F, exclude_characters="Ŀŀŉ")  # two signs each
NAMES = st.lists(st.text(LETTERS, min_size=3, max_size=12), min_size=1, max_size=3).map(" ".join)
RELAXED = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@RELAXED
@given(name=NAMES, data=st.data())
def test_any_three_letters_of_any_name_find_it(practice, name, data) -> None:
    """Whatever the letters."""
    practice.client({"name": name})
    word = data.draw(st.sampled_from(name.split()))
    start = data.draw(st.integers(0, len(word) - 3))
    assert name in practice.search(word[start : start + 3])


@RELAXED
@given(
    digits=st.from_regex(r"6[1-5][0-9]{7}", fullmatch=True),
    prefix=st.sampled_from(["0", "+31", "+31 ", "0031", "0031-", "+31(0)", "+31 (0) "]),
    gaps=st.lists(st.sampled_from(["", " ", "-", "."]), min_size=9, max_size=9),
)
def test_a_number_is_found_in_whatever_way_it_is_typed(practice, digits, prefix, gaps) -> None:
    """With blanks, dashes and dots anywhere, with and without the country."""
    practice.client({"name": "Carla", "phone": f"0{digits}"})
    typed = prefix + "".join(digit + gap for digit, gap in zip(digits, gaps, strict=True))
    assert "Carla" in practice.search(typed)
    shown = practice.post("clients/search", {"q": typed}).json["items"]
    assert {item["phone"] for item in shown} == {f"+31{digits}"}


@given(day=st.dates(date(1920, 1, 1), date(2020, 12, 31)), names=st.sampled_from([0, 1, 2]))
def test_a_month_in_words_is_the_month_in_digits(day, names) -> None:
    """Dutch and English, in full and in short."""
    words = rules.MONTHS[day.month - 1]
    text = f"x {day.day} {words[min(names, len(words) - 1)].upper()} {day.year} y"
    assert rules.with_numeric_dates(text) == f"x {day.day}-{day.month:02}-{day.year} y"
    assert re.sub(r"\D", "", rules.with_numeric_dates("12 marten 1980")) == "121980"  # an animal is no month


def test_no_name_is_taken_for_a_date(practice) -> None:
    """May and June are people too."""
    practice.client({"name": "May June", "email": ANNA["email"]})
    assert practice.search("may") == ["May June"]

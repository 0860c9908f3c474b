"""The policy file: what ships with Discreet, what a clinic may change, and what it may not."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
import sqlalchemy as sa
import yaml
from dateutil.relativedelta import relativedelta

from services import registry
from shared.database import Base
from shared.errors import ConfigurationError
from shared.events import DECISION_KINDS
from shared.policy import Policy
from shared.policy.limits import BESIDE_TABLES
from shared.policy.parts import RefusingGround, RetainingGround, Span
from shared.settings import ROOT, SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = ROOT / "shared" / "policy" / "limits.py"
ASKED = re.compile(r'"((?:console|dossier|intake|newsletter|requests|system)\.[a-z-]+)"')
SHIPPED = Path(__file__).parents[2] / "deploy" / "config" / "policy.yaml"


def _with(tmp_path: Path, edit: Callable[[dict[str, Any]], object]) -> Policy:
    """Load the shipped policy as a clinic has edited it."""
    said = yaml.safe_load(SHIPPED.read_bytes())
    edit(said)
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
    return Policy.load(path)


def _refused(tmp_path: Path, edit: Callable[[dict[str, Any]], object]) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        _with(tmp_path, edit)
    return [line.strip() for line in caught.value.detail.splitlines()[1:]]


def _put(value: Any, *keys: str) -> Callable[[dict[str, Any]], object]:
    def edit(said: dict[str, Any]) -> None:
        for key in keys[:-1]:
            said = said[key]
        said[keys[-1]] = value

    return edit


def _drop(*keys: str) -> Callable[[dict[str, Any]], object]:
    def edit(said: dict[str, Any]) -> None:
        for key in keys[:-1]:
            said = said[key]
        del said[keys[-1]]

    return edit


def test_p1_the_policy_is_known_by_its_version_and_the_hash_of_its_bytes() -> None:
    """Two services that show the same hash loaded the same file, to the byte."""
    policy = Policy.load(SHIPPED)
    assert policy.version == "1"
    assert policy.hash == hashlib.sha256(SHIPPED.read_bytes()).hexdigest()


def test_p93_the_shipped_policy_keeps_the_statement_of_1_july_2024() -> None:
    """The version of the statement is part of the policy."""
    assert Policy.load(SHIPPED).statement == date(2024, 7, 1)


@pytest.mark.parametrize(
    ("name", "length"),
    [
        ("newsletter.pending", relativedelta(days=7)),  # P36
        ("newsletter.ended", relativedelta(months=1)),  # P37
        ("dossier.fiscal", relativedelta(years=7)),  # P38
        ("dossier.medical", relativedelta(years=20)),  # P39, X1
        ("intake.form", relativedelta(months=12)),  # P53
        ("requests.identity-copy", relativedelta(days=14)),  # P65
        ("system.backup", relativedelta(days=35)),
    ],
)
def test_p35_a_term_goes_by_the_class_of_the_data(name: str, length: relativedelta) -> None:
    """The terms of the statement and the law, as calendar periods."""
    assert Policy.load(SHIPPED).term(name) == length


def test_p37_an_ended_subscription_is_due_within_a_calendar_month_and_begins_within_days() -> None:
    """From 31 January it ends on 28 February, and the processors are told three days after the end."""
    policy = Policy.load(SHIPPED)
    ended_at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert policy.term_ends("newsletter.ended", ended_at) == datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert policy.terms["newsletter.ended"].erase_after == Span.parse("P3D")


def test_p36_a_subscription_has_no_period_and_asking_for_one_is_an_error() -> None:
    """It is kept while subscribed; code that counts it out by a clock is wrong."""
    policy = Policy.load(SHIPPED)
    assert policy.terms["newsletter.subscription"].lasting == "subscribed"
    with pytest.raises(ConfigurationError, match=r"newsletter\.subscription"):
        policy.term("newsletter.subscription")


@pytest.mark.parametrize("term", [{}, {"period": "P1Y"}, {"from": "receipt"}, {"period": "P1Y", "while": "installed"}])
def test_p33_a_class_without_a_term_stops_the_start_and_is_named(tmp_path: Path, term: dict[str, str]) -> None:
    """A period needs something it is counted from, and something kept as long as another needs no period."""
    lines = _refused(tmp_path, _put({"nl": "a", "en": "b", **term}, "terms", "intake.form"))
    assert lines == ["terms.intake.form: Undefined: say 'period' and 'from', or 'while'."]


@pytest.mark.parametrize("text", ["", "1 year", "P0D", "PT72H", "P-1M"])
def test_a_period_that_is_none_stops_the_start(tmp_path: Path, text: str) -> None:
    """Nothing is guessed about how long data are kept."""
    (line,) = _refused(tmp_path, _put(text, "terms", "intake.form", "period"))
    assert line.startswith("terms.intake.form.period: Not usable: ")


@pytest.mark.parametrize(
    "keys",
    [
        ("retention",),
        ("terms", "intake.form", "days"),
        ("terms", "marketing.list"),
        ("clocks", "answers"),
        ("dues", "deletion"),
        ("grounds", "refusing", "too-much-work"),
        ("clinic", "fax"),
        ("choices", "sell_data"),
        ("differences", "X6"),
    ],
)
def test_an_unknown_key_stops_the_start_wherever_it_stands(tmp_path: Path, keys: tuple[str, ...]) -> None:
    """A key with a typing error would otherwise be a rule that silently does not hold."""
    lines = _refused(tmp_path, _put("P1D", *keys))
    assert any(line.startswith(".".join(keys)) for line in lines)


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        (("version",), "version"),
        (("terms", "dossier.medical"), "terms.dossier.medical"),
        (("terms", "system.key-backup"), "terms.system.key-backup"),
        (("dues", "restriction"), "restriction"),
        (("grounds", "retaining", "fiscal-retention"), "fiscal-retention"),
        (("differences", "X3"), "X3"),
        (("clocks", "breach"), "clocks.breach"),
    ],
)
def test_what_is_missing_stops_the_start_and_is_named(tmp_path: Path, keys: tuple[str, ...], names: str) -> None:
    """Every clock, ground, due and needed term must be there."""
    (line,) = _refused(tmp_path, _drop(*keys))
    assert names in line


@pytest.mark.parametrize(
    ("keys", "value", "because"),
    [
        (("terms", "dossier.medical", "period"), "P15Y", "X1"),
        (("terms", "dossier.fiscal", "period"), "P6Y", "P38"),
        (("terms", "newsletter.ended", "period"), "P30D", "P37"),
        (("terms", "newsletter.ended", "erase_after"), "P31D", "within the period"),
        (("terms", "system.tombstone", "period"), "P1M", "system.backup"),
        (("terms", "system.key-backup", "period"), "P35D", "shorter"),
        (("clocks", "answer"), "P31D", "12(3)"),
        (("clocks", "destruction_decision"), "P4M", "X2"),
        (("clocks", "breach"), "PT73H", "72 hours"),
        (("clocks", "calamity_working_days"), 4, "Wkkgz"),
    ],
)
def test_p34_no_clinic_can_go_beyond_the_law_or_the_statement(
    tmp_path: Path, keys: tuple[str, ...], value: object, because: str
) -> None:
    """A medical term below the legal minimum, or a promised month that is longer than February, stops the start."""
    (line,) = _refused(tmp_path, _put(value, *keys))
    assert line.startswith(f"{'.'.join(keys[:2])}")
    assert because in line


def test_a_clinic_may_keep_medical_data_longer_and_newsletter_data_shorter(tmp_path: Path) -> None:
    """The limits have one side only."""
    assert _with(tmp_path, _put("P25Y", "terms", "dossier.medical", "period")).term("dossier.medical").years == 25
    assert _with(tmp_path, _put("P28D", "terms", "newsletter.ended", "period")).term("newsletter.ended").days == 28


def test_the_clinics_own_addresses_must_be_addresses(tmp_path: Path) -> None:
    """A mail nobody can answer would break P58 without anybody noticing."""
    assert _refused(tmp_path, _put("info at clinic", "clinic", "contact")) == ["clinic.contact: Not an e-mail address."]
    assert _refused(tmp_path, _put(["mail 1"], "clinic", "dkim_selectors")) == [
        "clinic.dkim_selectors.0: Not a name in DNS."
    ]


def test_p33_a_table_without_a_data_class_or_a_class_without_a_term_stops_the_start() -> None:
    """Every table says which class of data it holds, and all that are wrong are named at once."""
    metadata = sa.MetaData()
    sa.Table("forms", metadata, sa.Column("id", sa.Integer), info={"term": "intake.form"})
    policy = Policy.load(SHIPPED)
    policy.check_tables(metadata)
    sa.Table("guests", metadata, sa.Column("id", sa.Integer))
    with pytest.raises(ConfigurationError, match=r"without a data class: guests\."):
        policy.check_tables(metadata)
    others = sa.MetaData()
    sa.Table("visits", others, sa.Column("id", sa.Integer), info={"term": "intake.visit"})
    with pytest.raises(ConfigurationError, match=r"without a term: intake\.visit\."):
        policy.check_tables(others)
    with pytest.raises(ConfigurationError, match=r"class: guests\. .*term: intake\.visit\."):
        policy.check_tables(metadata, others)


def test_p33_a_file_or_a_row_by_what_became_of_it_has_a_term_too(tmp_path: Path) -> None:
    """All that code asks for is required: a job that misses one ends, and with it the end of every other term."""
    for name in BESIDE_TABLES:
        assert _refused(tmp_path, _drop("terms", name)) == [f"terms.{name}: It needs a period."]
    sources = [path for folder in ("shared", "services") for path in (ROOT / folder).rglob("*.py") if path != LIMITS]
    asked = {name for path in sources for name in ASKED.findall(path.read_text(encoding="utf-8"))}
    terms = Policy.load(SHIPPED).terms
    tables = [table for name in SERVICES for table in registry.load(name).metadata.tables.values()]
    classes = {table.info["term"] for table in (*tables, *Base.metadata.tables.values())}
    assert len(asked & terms.keys()) > 20
    for name in (asked & terms.keys()) - classes:
        assert len(_refused(tmp_path, _drop("terms", name))) > 0, name


def test_p1_what_is_shown_is_json_and_holds_both_values_of_every_difference() -> None:
    """GET /<service>/v1/policy shows what the statement says, what the law says, and what is applied."""
    shown = json.loads(json.dumps(Policy.load(SHIPPED).public()))
    assert sorted(shown["differences"]) == ["X1", "X2", "X3", "X4", "X5"]
    assert shown["differences"]["X1"]["statement"] == "15 years"
    assert shown["differences"]["X1"]["law"].startswith("20 years")
    assert shown["terms"]["dossier.medical"]["period"] == "P20Y"
    assert shown["terms"]["newsletter.ended"] == {
        "nl": "Beëindigde inschrijving voor de nieuwsbrief",
        "en": "Ended newsletter subscription",
        "period": "P1M",
        "from": "end",
        "erase_after": "P3D",
        "law": "the statement (P37)",
    }
    assert shown["clocks"]["breach"] == "PT72H"
    assert shown["authority"]["url"].startswith("https://")


def test_what_is_shown_leaves_the_clinics_work_addresses_out() -> None:
    """The public contact is public; where forms and reports go inside the clinic is not."""
    policy = Policy.load(SHIPPED)
    shown = json.dumps(policy.public())
    assert policy.clinic.contact in shown
    assert policy.clinic.privacy not in shown


def test_every_kind_of_decision_and_every_ground_is_in_the_shipped_policy() -> None:
    """The closed lists of the code and of the file are the same lists."""
    policy = Policy.load(SHIPPED)
    assert set(policy.dues) == set(DECISION_KINDS)
    assert set(policy.refusing) == set(get_args(RefusingGround))
    assert set(policy.retaining) == set(get_args(RetainingGround))


@pytest.mark.parametrize(
    ("one", "other", "fits"),
    [
        ("P28D", "P1M", True),
        ("P29D", "P1M", False),
        ("P1M", "P31D", True),
        ("P1M", "P30D", False),
        ("P1Y", "P12M", True),
    ],
)
def test_periods_are_compared_over_the_calendar(one: str, other: str, fits: bool) -> None:
    """A period fits in another only if it does so whenever it starts."""
    assert Span.parse(one).fits_in(Span.parse(other)) is fits


def test_p82_the_cookies_of_the_guide_can_be_registered_and_p84_one_for_advertising_cannot(tmp_path: Path) -> None:
    """By whoever sets them: this system, or a site of the policy."""
    guide = (SHIPPED.parents[2] / "docs" / "website.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```yaml\n(cookies:.*?)```", guide, re.DOTALL)
    cookies = yaml.safe_load(block)["cookies"]

    def edit(**changed: str) -> Callable[[dict[str, Any]], object]:
        sites = {"www": {"origins": ["https://www.clinic.example"]}}
        listed = cookies | {"language": cookies["language"] | changed}
        return lambda said: said.update(sites=sites, cookies=listed)

    policy = _with(tmp_path, edit())
    assert [*policy.cookies_set_by("discreet"), *policy.cookies_set_by("www")] == ["discreet_console", "language"]
    for changed, named in (
        ({"kind": "marketing"}, "any other kind needs consent first"),
        ({"set_by": "shop"}, "or the name of a site"),
        ({"life": "a year"}, "ISO 8601 period"),
    ):
        [line] = _refused(tmp_path, edit(**changed))
        assert named in line

"""The register of processors: what a clinic may write in it, and what follows from what it says."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from shared.errors import ConfigurationError, NotFoundError
from shared.propagation.register import Register

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.propagation.register import Processor

CONFIG = Path(__file__).parents[3] / "deploy" / "config"
SANDBOX = {
    name: {
        "base_url": f"http://127.0.0.1:8099/{name}",
        "api_user": "played-user",
        "api_key": "played-key",
        "list_id": "played-list",
        "url_secret": "played-url-secret",
        "webhook_secret": "played-webhook-secret",
        "domain": f"{name}.localhost",
        "token": "played-token",
        "authority": "played-authority",
    }
    for name in ("laposta", "mailchimp", "brevo", "mailerlite", "listmonk", "medical-crm", "website-host")
}
BOOKKEEPER = {
    "name": "The bookkeeper",
    "role": "bookkeeper",
    "owner": "dossier",
    "status": "active",
    "adapter": "by_hand",
    "receives": [{"category": "invoices", "fields": ["number", "amount"]}],
    "decisions": ["erasure", "term-end", "correction", "restriction"],
    "always": False,
    "agreement": {"signed": "2024-06-03", "ends": "2026-06-02", "sub_processors": []},
    "country": "NL",
    "transfer_ground": "none",
    "contact": {"name": "B. Keeper", "email": "privacy@bookkeeper.example"},
    "answer_within": "P10D",
}


def _load(tmp_path: Path, **processors: object) -> Register:
    path = tmp_path / "processors.yaml"
    path.write_text(yaml.safe_dump({"processors": processors}), encoding="utf-8")
    return Register.load(path, sandbox=SANDBOX)


def _one(tmp_path: Path, **changes: object) -> Processor:
    return _load(tmp_path, bookkeeper=BOOKKEEPER | changes).get("bookkeeper")


def _refused(load: Callable[[], object]) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load()
    return [line.strip() for line in caught.value.detail.splitlines()[1:]]


def test_the_trial_register_has_the_five_processors_of_the_statement() -> None:
    """Bookkeeper, medical CRM, website host, mail host and newsletter programme, each with its owner."""
    register = Register.load(CONFIG / "processors.trial.yaml", sandbox=SANDBOX)
    assert [(processor.role, processor.owner) for processor in register] == [
        ("bookkeeper", "dossier"),
        ("crm", "dossier"),
        ("website-host", "intake"),
        ("mail-host", "intake"),
        ("newsletter", "newsletter"),
    ]
    assert all(processor.may_receive(date(2026, 11, 1)) for processor in register)


def test_the_second_newsletter_programme_works_as_the_trial_register_says(tmp_path: Path) -> None:
    """Taking away the marks of the prepared lines gives a register that loads."""
    text = (CONFIG / "processors.trial.yaml").read_text(encoding="utf-8")
    path = tmp_path / "processors.yaml"
    path.write_text(re.sub(r"(?m)^#~ ", " ", text), encoding="utf-8")
    mailchimp = Register.load(path, sandbox=SANDBOX).get("mailchimp")
    assert mailchimp.transfer_ground == "adequacy"
    assert mailchimp.settings["base_url"] == "http://127.0.0.1:8099/mailchimp"


def test_the_example_register_loads_once_its_secrets_are_there(tmp_path: Path) -> None:
    """The file a clinic starts from is right but for the secrets, which it names."""
    text = (CONFIG / "processors.yaml").read_text(encoding="utf-8")
    path = tmp_path / "processors.yaml"
    path.write_text(text.replace("/run/processors/", ""), encoding="utf-8")
    lines = _refused(lambda: Register.load(path))
    assert lines == [
        f"processors.laposta.settings.{name}_file: The file cannot be read as text."
        for name in ("api_key", "url_secret", "webhook_secret")
    ]
    for name in ("api_key", "url_secret", "webhook_secret"):
        (tmp_path / f"laposta_{name}").write_text(f"{name}-content\n", encoding="utf-8")
    assert Register.load(path).get("laposta").settings["api_key"] == "api_key-content"


def test_a_service_opens_the_settings_of_its_own_processors_only() -> None:
    """The secrets of another service's processors need not be there, and everybody is on its register all the same."""
    register = Register.load(CONFIG / "processors.yaml", owner="intake")
    assert register.get("laposta").settings == {}
    assert {each.owner for each in register} == {"intake", "dossier", "newsletter"}
    lines = _refused(lambda: Register.load(CONFIG / "processors.yaml", owner="newsletter"))
    assert len(lines) == 3


def test_live_refuses_the_sandbox() -> None:
    """Without a sandbox, every setting that names it is an error."""
    lines = _refused(lambda: Register.load(CONFIG / "processors.trial.yaml"))
    assert "processors.laposta.settings.base_url: The sandbox is for trials only." in lines


def test_a_sandbox_setting_that_is_not_played_is_named(tmp_path: Path) -> None:
    """A typing error in a trial register says which address is meant."""
    lines = _refused(lambda: _one(tmp_path, settings={"base_url": "sandbox:laposta.url"}))
    assert lines == ["processors.bookkeeper.settings.base_url: The sandbox has no laposta.url."]


def test_p46_an_agreement_gates_what_is_given_and_decisions_always_go(tmp_path: Path) -> None:
    """From the day it was signed through the day it ends; whoever had the data is told all the same."""
    register = _load(tmp_path, bookkeeper=BOOKKEEPER)
    bookkeeper = register.get("bookkeeper")
    days = [date(2024, 6, 2), date(2024, 6, 3), date(2026, 6, 2), date(2026, 6, 3)]
    assert [bookkeeper.may_receive(day) for day in days] == [False, True, True, False]
    assert register.for_kind("erasure") == (bookkeeper,)


@pytest.mark.parametrize("changes", [{"agreement": None}, {"status": "ended"}])
def test_p46_nothing_is_given_without_an_agreement_or_after_the_end(tmp_path: Path, changes: dict[str, object]) -> None:
    """Both stay on the register and are told of decisions."""
    processor = _one(tmp_path, **changes)
    assert not processor.may_receive(date(2025, 1, 1))
    assert "erasure" in processor.decisions


def test_a_processor_that_ended_is_no_longer_told_of_what_it_never_had(tmp_path: Path) -> None:
    """`always` ends with the status: an erasure must not be a new disclosure."""
    assert _one(tmp_path, always=True).always
    assert not _one(tmp_path, always=True, status="ended").always


@pytest.mark.parametrize("text", ["privacy_shield", "Privacy Shield", "PRIVACY-SHIELD"])
def test_p88_privacy_shield_is_refused_with_the_reason(tmp_path: Path, text: str) -> None:
    """However it is written, the message says since when it is void and what to use."""
    (line,) = _refused(lambda: _one(tmp_path, country="US", transfer_ground=text))
    assert "annulled on 16 July 2020" in line
    assert "adequacy or scc" in line


@pytest.mark.parametrize(
    ("country", "ground", "allowed"),
    [
        ("NL", "none", True),
        ("NO", "none", True),
        ("US", "none", False),
        ("US", "adequacy", True),
        ("CN", "adequacy", False),
        ("CN", "scc", True),
        ("GB", "none", False),
    ],
)
def test_p88_data_leave_the_eea_only_on_a_ground(tmp_path: Path, country: str, ground: str, allowed: bool) -> None:
    """None within the EEA, adequacy where there is a decision, standard clauses anywhere."""
    changes = {"country": country, "transfer_ground": ground}
    if allowed:
        assert _one(tmp_path, **changes).country == country
    else:
        (line,) = _refused(lambda: _one(tmp_path, **changes))
        assert line.startswith("processors.bookkeeper.transfer_ground: ")


def test_p101_sub_processors_are_listed_and_need_a_ground_too(tmp_path: Path) -> None:
    """A sub-processor outside the EEA is held to the same rule."""
    sub = {"name": "Cloud", "country": "US", "transfer_ground": "none"}
    agreement = {"signed": "2024-06-03", "ends": None, "sub_processors": [sub]}
    (line,) = _refused(lambda: _one(tmp_path, agreement=agreement))
    assert line.startswith("processors.bookkeeper.agreement.sub_processors.0.transfer_ground: US is outside the EEA")


def test_p56_the_newsletter_programme_gets_first_name_and_email_only(tmp_path: Path) -> None:
    """A register that gives it more does not load."""
    changes = {
        "role": "newsletter",
        "decisions": [*BOOKKEEPER["decisions"], "unsubscribe"],  # type: ignore[misc]
        "receives": [{"category": "subscriptions", "fields": ["first_name", "email", "phone"]}],
    }
    (line,) = _refused(lambda: _one(tmp_path, **changes))
    assert line.startswith("processors.bookkeeper.receives: ")


def test_p95_nobody_is_on_the_register_without_being_told_of_erasure_and_correction(tmp_path: Path) -> None:
    """Art. 19 AVG leaves no choice, and an inquiry would itself be a disclosure."""
    (line,) = _refused(lambda: _one(tmp_path, decisions=["erasure", "term-end"]))
    assert "Missing: correction, restriction." in line
    (line,) = _refused(lambda: _one(tmp_path, decisions=[*BOOKKEEPER["decisions"], "inquiry"]))  # type: ignore[misc]
    assert "own stores only" in line


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"phone": "020"}, "phone"),
        ({"owner": "billing"}, "owner"),
        ({"role": "friend"}, "role"),
        ({"status": "paused"}, "status"),
        ({"country": "Nederland"}, "country"),
        ({"answer_within": "soon"}, "answer_within"),
        ({"decisions": ["erasure", "forget"]}, "decisions.1"),
        ({"receives": []}, "receives"),
        ({"contact": {"name": "B.", "email": "nobody"}}, "contact.email"),
        ({"agreement": {"signed": "2024-06-03", "ends": "2024-06-02", "sub_processors": []}}, "agreement.ends"),
        ({"settings": {"nested": {"a": 1}}}, "settings.nested"),
    ],
)
def test_what_is_unknown_or_wrong_stops_the_start_and_is_named(
    tmp_path: Path, changes: dict[str, object], key: str
) -> None:
    """The message says which processor and which key."""
    assert any(
        line.startswith(f"processors.bookkeeper.{key}: ") for line in _refused(lambda: _one(tmp_path, **changes))
    )


@pytest.mark.parametrize("missing", sorted(set(BOOKKEEPER)))
def test_every_key_is_needed(tmp_path: Path, missing: str) -> None:
    """Nothing about a processor is assumed; only settings may be left out, where an adapter needs none."""
    said = {key: value for key, value in BOOKKEEPER.items() if key != missing}
    assert _refused(lambda: _load(tmp_path, bookkeeper=said)) == [
        f"processors.bookkeeper.{missing}: Missing data for required field."
    ]


@pytest.mark.parametrize("name", ["Book Keeper", "book_keeper", "1st", "", "a" * 41])
def test_an_id_is_a_short_name_in_lower_case(tmp_path: Path, name: str) -> None:
    """It stands in addresses, decisions and receipts."""
    (line,) = _refused(lambda: _load(tmp_path, **{name: BOOKKEEPER}))
    assert "short name in lower case" in line


def test_the_same_id_twice_is_refused(tmp_path: Path) -> None:
    """YAML alone would keep the last and forget the first."""
    path = tmp_path / "processors.yaml"
    path.write_text("processors:\n  a: {}\n  a: {}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="'a' is there twice"):
        Register.load(path)


@pytest.mark.parametrize("name", ["api_key", "password", "url_secret", "token"])
def test_a_secret_in_the_register_itself_is_refused(tmp_path: Path, name: str) -> None:
    """It belongs in a file of its own, and the message does not repeat it."""
    (line,) = _refused(lambda: _one(tmp_path, settings={name: "s3cr3t-value"}))
    assert f"say {name}_file" in line
    assert "s3cr3t-value" not in line


def test_a_secret_shows_in_no_traceback_or_view(tmp_path: Path) -> None:
    """Neither the value printed nor what staff read holds the settings."""
    (tmp_path / "key").write_text("s3cr3t-value", encoding="utf-8")
    processor = _one(tmp_path, settings={"api_key_file": "key"})
    assert processor.settings == {"api_key": "s3cr3t-value"}
    assert "s3cr3t-value" not in repr(processor) + str(processor.public())
    assert "settings" not in processor.public()


def test_the_digest_is_that_of_what_is_said(tmp_path: Path) -> None:
    """It stays when order and secrets change, and changes with anything a decision could depend on."""
    (tmp_path / "one").write_text("first", encoding="utf-8")
    (tmp_path / "two").write_text("second", encoding="utf-8")
    secret = BOOKKEEPER | {"settings": {"api_key_file": "one"}}
    other = dict(reversed((BOOKKEEPER | {"settings": {"api_key_file": "two"}}).items()))
    digest = _load(tmp_path, a=BOOKKEEPER, b=secret).digest
    assert _load(tmp_path, b=other, a=BOOKKEEPER).digest == digest
    assert _load(tmp_path, a=BOOKKEEPER | {"always": True}, b=secret).digest != digest
    assert re.fullmatch("[0-9a-f]{64}", digest)


def test_the_digest_does_not_depend_on_where_the_sandbox_runs(tmp_path: Path) -> None:
    """Every process of a trial system names the same register, whatever port the sandbox has."""
    path = CONFIG / "processors.trial.yaml"
    moved = {name: settings | {"base_url": "http://127.0.0.1:9"} for name, settings in SANDBOX.items()}
    assert Register.load(path, sandbox=SANDBOX).digest == Register.load(path, sandbox=moved).digest


def test_p3_connections_go_only_to_the_hosts_a_processor_names(tmp_path: Path) -> None:
    """Hosts come from addresses and from host names in the settings, and from nothing else."""
    settings = {
        "base_url": "https://api.one.example:8443/v2",
        "imap_host": "mail.two.example",
        "list_id": "three.example",
    }
    assert _one(tmp_path, settings=settings).hosts == {"api.one.example", "mail.two.example"}
    assert _one(tmp_path).hosts == frozenset()


def test_processors_are_found_by_owner_kind_and_id(tmp_path: Path) -> None:
    """The three questions that services ask of the register."""
    host = BOOKKEEPER | {"owner": "intake", "decisions": [*BOOKKEEPER["decisions"], "objection"]}  # type: ignore[misc]
    register = _load(tmp_path, bookkeeper=BOOKKEEPER, host=host)
    assert [processor.id for processor in register.of_owner("intake")] == ["host"]
    assert [processor.id for processor in register.for_kind("objection")] == ["host"]
    assert [processor.id for processor in register.for_kind("erasure")] == ["bookkeeper", "host"]
    assert register.get("host").owner == "intake"
    with pytest.raises(NotFoundError):
        register.get("nobody")


def test_what_staff_read_says_all_but_the_settings(tmp_path: Path) -> None:
    """GET /requests/v1/processors: plain JSON values."""
    assert _one(tmp_path).public() == {"id": "bookkeeper", **BOOKKEEPER}

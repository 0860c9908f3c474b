"""What holds for all services at once, as visitors and staff meet them on one origin."""

from __future__ import annotations

import hashlib
import json
import logging

import pytest

from services import registry
from services.web import service_mount
from shared.auth import issue_token
from shared.keys import KeyStore
from shared.settings import SERVICES
from shared.web.app import build_app
from tests.kit.installation import Installation

PERSON = {"name": "Zeldzame-Naam", "email": "zeldzaam@voorbeeld.example", "message": "Zeldzaam bericht."}


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """Make a trial installation of all services."""
    made = Installation(tmp_path_factory.mktemp("home"), registry.load_all())
    yield made
    made.close()


@pytest.fixture(scope="module")
def http(installation):
    """Make a client of the embedded origin."""
    mounts = [service_mount(name, installation.tools[name]) for name in SERVICES]
    return build_app(mounts, asyncapi=dict, limits=None).test_client()


@pytest.fixture(scope="module")
def staff(installation):
    """Return what makes the header of a member of staff, for one service."""
    key = KeyStore(installation.settings.keys).signing_key("console", "staff-tokens")

    def headers(service: str, *roles: str) -> dict[str, str]:
        about = {"subject": "m.devries", "roles": roles, "audience": service, "now": installation.clock()}
        return {"Authorization": f"Bearer {issue_token(key.private_key, key.key_id, **about)}"}

    return headers


def test_p1_every_service_shows_the_one_policy_it_goes_by(installation, http) -> None:
    """The same words, version and hash everywhere, and the hash is that of the file."""
    shown = [http.get(f"/{name}/v1/policy").json for name in SERVICES]
    assert all(each == shown[0] for each in shown)
    file = installation.settings.policy.read_bytes()
    assert shown[0]["hash"] == hashlib.sha256(file).hexdigest()
    assert shown[0]["version"]
    assert shown[0]["terms"]["dossier.medical"]["period"] == "P20Y"


def test_p4_nobody_who_writes_to_us_is_in_the_log(http, staff, caplog) -> None:
    """Forms that are right and wrong, searches, and addresses that were typed into a path or a query."""
    caplog.set_level(logging.DEBUG)
    email = PERSON["email"]
    for wrong in ({}, {"bsn": PERSON["name"]}, {"email": PERSON["name"]}):
        http.post("/intake/v1/contact-forms", json=PERSON | wrong)
        http.post("/requests/v1/requests", json=PERSON | wrong)
        http.post("/newsletter/v1/subscriptions", json={"first_name": "Zeldzame", "email": email} | wrong)
        http.post("/dossier/v1/clients", json=PERSON | wrong, headers=staff("dossier", "front-desk"))
    http.post("/newsletter/v1/subscriptions/search", json={"email": email}, headers=staff("newsletter", "fg"))
    http.post("/dossier/v1/clients/search", json={"q": "zeldzame"}, headers=staff("dossier", "front-desk"))
    for path in (f"/intake/contact?email={email}", f"/newsletter/confirm/{email}", f"/requests/v1/requests/{email}"):
        http.get(path, headers=staff("requests", "fg"))
    written = json.dumps([{**vars(record), "said": record.getMessage()} for record in caplog.records], default=repr)
    assert len(caplog.records) > 15
    assert "zeldza" not in written.lower()


def test_p14_where_data_come_from_is_kept_with_them(installation, http, staff) -> None:
    """Of a client whoever took it up says so, from a closed list; of a subscription it is known."""
    headers = staff("dossier", "front-desk")
    client = {"first_name": "Anna", "email": "anna@voorbeeld.example"}
    said = {}
    for source in ("self", "representative", "staff", "other-provider", "website"):
        made = http.post("/dossier/v1/clients", json=client | {"source": source}, headers=headers)
        said[source] = http.get(made.headers["Location"], headers=headers).json["source"]
    assert said == {source: source for source in said}
    assert http.post("/dossier/v1/clients", json=client | {"source": "bought"}, headers=headers).status_code == 422
    http.post("/newsletter/v1/subscriptions", json=client)
    found = http.post(
        "/newsletter/v1/subscriptions/search", json={"email": client["email"]}, headers=staff("newsletter", "fg")
    )
    assert [each["proof"]["source"] for each in found.json["items"]] == ["sign-up-form"]

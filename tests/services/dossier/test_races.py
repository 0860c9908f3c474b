"""Two things at once about one client, on both databases: nothing is lost, and nothing comes back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from services.dossier.records import Client, Contact
from tests.services.dossier.practice import ANNA, BERT, CALLED


def at_once(practice, calls):
    """Make these calls (method, path, body, more headers) from threads of their own; return the statuses."""
    headers = practice.bearer("front-desk")

    def call(each) -> int:
        method, path, body, more = each
        with practice.http.application.test_client() as http:
            return http.open(f"/dossier/v1/{path}", method=method, json=body, headers=headers | more).status_code

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(call, calls))


def test_of_two_who_change_the_same_version_at_once_one_is_told(anywhere) -> None:
    """Whoever was second reads again first; the last number belongs to a change that was made."""
    client = anywhere.client()
    calls = [("PATCH", f"clients/{client}", {"city": f"Plaats {n}"}, {"If-Match": '"1"'}) for n in range(8)]
    statuses = at_once(anywhere, calls)
    assert sorted(statuses) == [200] + [412] * 7
    shown = anywhere.get(f"clients/{client}").json
    assert (shown["version"], shown["city"]) == (2, f"Plaats {statuses.index(200)}")


def test_one_key_from_many_at_once_makes_one_client(anywhere) -> None:
    """And everybody gets the same answer."""
    calls = [("POST", "clients", ANNA, {"Idempotency-Key": "one"})] * 8
    assert at_once(anywhere, calls) == [201] * 8
    assert len(anywhere.rows(Client)) == 1


def test_whatever_is_noted_while_a_client_is_erased_is_there_or_refused(anywhere) -> None:
    """No contact is answered as noted and then gone, unless the decision named it; and the client stays gone."""
    client, other = anywhere.client(), anywhere.client(BERT)
    named = anywhere.contact(client)
    calls = []
    for number in range(12):
        whom = client if number % 3 else other
        calls.append(("POST", f"clients/{whom}/contacts", CALLED, {}))
        calls.append(("PATCH", f"clients/{whom}", {"phone": f"06-1234567{number % 10}"}, {"If-Match": "*"}))
    with ThreadPoolExecutor(1) as pool:
        calling = pool.submit(at_once, anywhere, calls)
        anywhere.decide(refs=anywhere.refs(ANNA["email"], ANNA["phone"]), clients=[client], contacts=[named])
        anywhere.settle()
        statuses = calling.result()
    assert set(statuses) <= {200, 201, 409, 410}
    assert len(anywhere.rows(Contact)) == sum(status == 201 for status in statuses)
    assert [row.id for row in anywhere.rows(Client)] == [other]
    assert anywhere.get(f"clients/{client}").status_code == 410
    assert anywhere.search("jansen") == []

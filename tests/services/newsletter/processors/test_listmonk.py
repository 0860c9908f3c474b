"""What only listmonk does: it has to be asked, its PUT takes lists away, and its blocklist goes with the subscriber."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from services.newsletter.processors.listmonk import Listmonk
from shared.errors import ConfigurationError, PermanentError, RetryableError

ANNE = "anne@example.nl"
SETTINGS = {"base_url": "https://listmonk.example/api", "api_user": "discreet", "api_key": "token", "list_id": "3"}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def told(listmonk: Any, since: datetime | None = None) -> list[str]:
    """Return who is told to have left."""
    return [event.email for page in listmonk.adapter.poll(since) for event in page]


class TestAsking:
    """How it is found who left."""

    def test_an_unsubscribe_that_leaves_the_subscriber_s_time_alone_is_found(self, listmonk: Any) -> None:
        """The link in a mail sets the subscription's time only: asking by the subscriber's would miss everybody."""
        listmonk.adapter.subscribe(ANNE, "Anne", reactivate=True)
        before = datetime.now(UTC)
        listmonk.act("unsubscribe", ANNE)
        assert told(listmonk, before) == [ANNE]
        assert told(listmonk, datetime.now(UTC) + timedelta(seconds=1)) == []
        (event,) = next(iter(listmonk.adapter.poll(None)))
        assert (event.occurred_at > before, event.by_person, event.reason) == (True, None, "unsubscribed")

    def test_a_change_that_sets_only_the_subscriber_s_time_is_found_as_well(self, listmonk: Any) -> None:
        """As an edit on their screens does."""
        listmonk.adapter.subscribe(ANNE, "Anne", reactivate=True)
        listmonk.act("unsubscribe", ANNE)
        before = datetime.now(UTC)
        listmonk.adapter.subscribe(ANNE, "Anna", reactivate=False)
        assert told(listmonk, before) == [ANNE]

    def test_who_is_on_the_blocklist_did_not_say_so_themselves_as_far_as_is_told(self, listmonk: Any) -> None:
        """Somebody there may have put them on it, a bounce, or we."""
        listmonk.adapter.subscribe(ANNE, "Anne", reactivate=True)
        listmonk.act("bounce", ANNE)
        (event,) = next(iter(listmonk.adapter.poll(None)))
        assert (event.by_person, event.reason) == (False, "blocklisted")

    def test_nobody_is_missed_when_somebody_comes_back_between_two_pages(self, listmonk: Any) -> None:
        """Pages by their number would shift by one, and skip who stood first on the next."""
        emails = [f"lid{number}@example.nl" for number in range(6)]
        for email in emails:
            listmonk.adapter.subscribe(email, "Lid", reactivate=True)
            listmonk.act("unsubscribe", email)
        pages = replace(listmonk.adapter, page=2).poll(LONG_AGO)
        found = [event.email for event in next(pages)]
        listmonk.adapter.subscribe(emails[0], "Lid", reactivate=True)
        found += [event.email for page in pages for event in page]
        assert found == emails

    def test_one_opt_out_has_one_key_and_the_next_has_another(self, listmonk: Any) -> None:
        """What is read twice is known by its key; leaving, coming back and leaving again are two."""
        listmonk.adapter.subscribe(ANNE, "Anne", reactivate=True)
        keys = []
        for _ in range(2):
            listmonk.act("unsubscribe", ANNE)
            for _ in range(2):
                keys += [event.dedupe_key for page in listmonk.adapter.poll(None) for event in page]
            listmonk.adapter.subscribe(ANNE, "Anne", reactivate=True)
        assert len(keys) == 4
        assert len(set(keys)) == 2

    def test_a_row_that_cannot_be_read_costs_the_others_nothing(self, listmonk: Any) -> None:
        """An address that is none is nobody's opt-out."""
        from services.newsletter.processors.listmonk import answers  # noqa: PLC0415 - what is asked of one row

        lists = [{"id": 3, "subscription_status": "unsubscribed", "subscription_updated_at": "2026-05-31T14:00:00Z"}]
        good = {"id": 1, "email": ANNE, "status": "enabled", "lists": lists}
        assert answers.opt_out(good, 3) is not None
        for bad in ({"email": "nobody"}, {"lists": [], "updated_at": "soon"}, {"lists": "all", "updated_at": None}):
            assert answers.opt_out({**good, **bad}, 3) is None


class TestCalls:
    """What we ask of listmonk, and how it refuses."""

    def test_a_newcomer_is_confirmed_by_our_own_opt_in(self, listmonk: Any) -> None:
        """And nothing but name and address is told of them."""
        listmonk.adapter.subscribe(ANNE, "Anne", reactivate=False)
        assert sent(listmonk, "POST") == {
            "email": ANNE,
            "name": "Anne",
            "status": "enabled",
            "lists": [int(listmonk.adapter.settings.list_id)],
            "attribs": {},
            "preconfirm_subscriptions": True,
        }

    def test_somebody_whom_it_got_meanwhile_is_found_by_the_next_attempt(self, listmonk: Any) -> None:
        """A 409, and no error to look at."""
        listmonk.adapter.subscribe(ANNE, "Anne", reactivate=True)
        with pytest.raises(RetryableError, match="by now"):
            listmonk.adapter._make(ANNE, "Anne")

    def test_a_subscriber_is_never_put_since_that_takes_their_other_lists_away(
        self, listmonk: Any, task_of: Any
    ) -> None:
        """The clinic may have lists that are none of ours."""
        listmonk.adapter.subscribe(ANNE, "Anne", reactivate=True)
        for action in ("correction", "unsubscribe", "refresh"):
            listmonk.adapter.carry_out(task_of(action, ANNE, corrected={"first_name": "Anna"}))
        listmonk.adapter.subscribe(ANNE, "Anne", reactivate=True)
        targets = {urlsplit(call["target"]).path.rpartition("/subscribers/")[2] for call in listmonk.calls("PUT")}
        key = listmonk.adapter.look_up(ANNE).key
        assert targets == {f"{key}/blocklist", "lists"}

    def test_the_sandbox_takes_lists_away_as_listmonk_does(self, listmonk: Any) -> None:
        """The trap that the test above keeps out of."""
        listmonk.adapter.subscribe(ANNE, "Anne", reactivate=True)
        key = listmonk.adapter.look_up(ANNE).key
        assert listmonk.adapter.session.send("PUT", "subscribers", key, content={"name": "Anna"}).ok
        assert listmonk.adapter.get_state(ANNE) == "unsubscribed"

    def test_the_blocklist_goes_with_whoever_is_deleted(self, listmonk: Any, task_of: Any) -> None:
        """An import there would bring them back: what keeps that out is our own reference, not theirs."""
        listmonk.adapter.subscribe(ANNE, "Anne", reactivate=True)
        listmonk.adapter.carry_out(task_of("unsubscribe", ANNE))
        listmonk.adapter.carry_out(task_of("erasure", ANNE))
        assert listmonk.adapter.subscribe(ANNE, "Anne", reactivate=False) == "subscribed"

    def test_who_is_off_the_list_or_switched_off_is_held_and_not_mailed(self, listmonk: Any) -> None:
        """An erasure finds them; a state we do not know mails nobody as far as we say."""
        made = {"email": ANNE, "name": "Anne", "status": "enabled", "lists": []}
        assert listmonk.adapter.session.send("POST", "subscribers", content=made).ok
        assert listmonk.adapter.get_state(ANNE) == "unsubscribed"
        listmonk.adapter.subscribe(ANNE, "Anne", reactivate=True)
        key = listmonk.adapter.look_up(ANNE).key
        assert listmonk.adapter.session.send("PATCH", "subscribers", key, content={"status": "disabled"}).ok
        assert listmonk.adapter.get_state(ANNE) == "unsubscribed"

    @pytest.mark.parametrize("email", ["o'neill@example.nl", "x'or'1'='1@example.nl", "a\\b@example.nl"])
    def test_a_quote_in_an_address_is_part_of_the_address(self, listmonk: Any, email: str) -> None:
        """The question is SQL: an address that ended its own text could ask for everybody."""
        listmonk.adapter.subscribe(ANNE, "Anne", reactivate=True)
        assert listmonk.adapter.get_state(email) == "absent"
        assert listmonk.adapter.subscribe(email, "Odd", reactivate=True) == "subscribed"
        question = parse_qs(urlsplit(listmonk.calls("GET")[-1]["target"]).query)["query"][0]
        assert question.count("'") % 2 == 0

    @pytest.mark.parametrize("name", ["Nieuwsbrief", "3 OR 1=1", "-3", "²"])
    def test_a_list_goes_by_its_number(self, name: str) -> None:
        """A name would find nothing, and nobody."""
        with pytest.raises(ConfigurationError, match="list_id"):
            Listmonk.from_settings({**SETTINGS, "list_id": name})

    def test_an_error_is_named_by_its_status_only(self, listmonk: Any) -> None:
        """Their message may repeat what was sent; ours never does."""
        with pytest.raises(PermanentError) as caught:
            listmonk.adapter.subscribe("anne@localhost", "Anne", reactivate=True)
        assert caught.value.detail == "listmonk refuses the call (400)."


def sent(listmonk: Any, method: str) -> dict[str, Any]:
    """Return the content of the newest call of that method."""
    content: dict[str, Any] = json.loads(base64.b64decode(listmonk.calls(method)[-1]["body"]))
    return content

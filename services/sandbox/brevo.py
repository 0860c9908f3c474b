"""Brevo as it is played: API v3, contacts of an account of which some are on a list, and a blocklist for all lists."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from flask import Response, jsonify, request

from services.sandbox.brevo_campaigns import BrevoCampaigns
from services.sandbox.brevo_webhooks import BrevoWebhooks
from services.sandbox.entrance import entrance

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from services.sandbox.state import Stage

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# What happens at Brevo when nobody used the API: the word in the webhook, and whether the contact is blocked after it.
ACTS = {
    "unsubscribe": ("unsubscribed", True),
    "complain": ("spam", True),
    "bounce": ("hard_bounced", True),
    "delete": ("contact_deleted", True),
    "resubscribe": ("list_addition", False),
}


@dataclass(frozen=True, kw_only=True)
class BrevoContact:
    """One contact of the account."""

    number: int
    email: str
    blocked: bool = False
    lists: frozenset[int] = frozenset()
    attributes: dict[str, str] = field(default_factory=dict)


class Brevo:
    """One account with one list, which has the attributes FIRSTNAME, LASTNAME and SMS."""

    name = "brevo"

    def __init__(self, stage: Stage) -> None:
        """Start with nobody."""
        self._stage = stage
        self._key = stage.config.addresses[self.name]["api_key"]
        self._list = int(stage.config.addresses[self.name]["list_id"])
        self._names = ("FIRSTNAME", "LASTNAME", "SMS")
        self._contacts: dict[int, BrevoContact] = {}
        self._made = 0
        self._webhooks = BrevoWebhooks(stage, self._list)
        self._mailings = BrevoCampaigns(stage, self._list)
        self.campaigns = self._mailings.kept

    def blueprint(self) -> Blueprint:
        """Return the routes under /brevo/v3."""
        routes = entrance(
            self._stage,
            self.name,
            "/brevo/v3",
            failed=lambda: error(500, "internal_error"),
            busy=lambda: (*error(429, "too_many_requests"), {"x-sib-ratelimit-reset": "7"}),
        )
        routes.before_request(self._closed_to_others)
        routes.get("/contacts/attributes")(self._show_attributes)
        routes.get("/contacts/lists/<int:number>")(self._show_list)
        routes.get("/contacts/lists/<int:number>/contacts")(self._show_contacts)
        routes.post("/contacts")(self._create)
        routes.get("/contacts/<path:key>")(self._show)
        routes.put("/contacts/<path:key>")(self._update)
        routes.delete("/contacts/<path:key>")(self._delete)
        routes.get("/webhooks")(self._webhooks.shown)
        routes.post("/webhooks")(self._make_webhook)
        routes.put("/webhooks/<int:number>")(self._update_webhook)
        routes.delete("/webhooks/<int:number>")(self._delete_webhook)
        self._mailings.add_to(routes)
        return routes

    def reset(self) -> None:
        """Forget the contacts; webhooks stay, as whoever made them will not make them again."""
        with self._stage.lock:
            self._contacts.clear()
            self.campaigns.reset()

    def members(self) -> list[dict[str, str]]:
        """Return the contacts for the control calls."""
        with self._stage.lock:
            return [
                {
                    "email": contact.email,
                    "state": "subscribed" if self._list in contact.lists and not contact.blocked else "unsubscribed",
                    "first_name": contact.attributes.get("FIRSTNAME", ""),
                }
                for contact in self._contacts.values()
            ]

    def act(self, act: str, email: str) -> bool:
        """Let something happen to a contact that is none of ours, and post it. False for an unknown contact."""
        word, blocked = ACTS[act]
        with self._stage.lock:
            contact = self._by_address(email)
            if contact is None:
                return False
            if act == "delete":
                del self._contacts[contact.number]
            else:
                self._keep(replace(contact, blocked=blocked, lists=contact.lists | {self._list}))
            self._webhooks.tell_of_list(word, contact.email)
            return True

    def _closed_to_others(self) -> ResponseReturnValue | None:
        if request.headers.get("api-key") != self._key:
            return error(401, "unauthorized")
        if request.method in ("POST", "PUT") and not isinstance(request.get_json(silent=True), dict):
            return error(400, "bad_request")
        return None

    def _show_attributes(self) -> Response:
        return jsonify({"attributes": [{"name": name, "category": "normal", "type": "text"} for name in self._names]})

    def _show_list(self, number: int) -> ResponseReturnValue:
        return jsonify({"id": number, "name": "Nieuwsbrief"}) if number == self._list else unknown()

    def _show_contacts(self, number: int) -> ResponseReturnValue:
        if number != self._list:
            return unknown()
        limit, offset = int(request.args.get("limit", 50)), int(request.args.get("offset", 0))
        with self._stage.lock:
            rows = [presented(contact) for contact in self._contacts.values() if number in contact.lists]
        if request.args.get("sort", "desc") == "desc":
            rows.reverse()
        return jsonify({"contacts": rows[offset : offset + limit], "count": len(rows)})

    def _show(self, key: str) -> ResponseReturnValue:
        contact = self._found(key)
        return unknown() if contact is None else jsonify(presented(contact))

    def _create(self) -> ResponseReturnValue:
        content = request.get_json()
        email = str(content.get("email", ""))
        if not ADDRESS.fullmatch(email):
            return error(400, "invalid_parameter")
        with self._stage.lock:
            present = self._by_address(email)
            if present is not None and not content.get("updateEnabled", False):
                return error(400, "duplicate_parameter")
            if present is None:
                self._made += 1
            changed = self._changed(present or BrevoContact(number=self._made, email=email.lower()), content)
        self._stage.change(self.name, lambda: self._take(present, changed))
        return Response(status=204) if present else (jsonify({"id": changed.number}), 201)

    def _update(self, key: str) -> ResponseReturnValue:
        contact = self._found(key)
        if contact is None:
            return unknown()
        changed = self._changed(contact, request.get_json())
        self._stage.change(self.name, lambda: self._take(contact, changed))
        return Response(status=204)

    def _delete(self, key: str) -> ResponseReturnValue:
        contact = self._found(key)
        if contact is None:
            return unknown()

        def effect() -> None:
            self._contacts.pop(contact.number, None)
            self._webhooks.tell_of_list("contact_deleted", contact.email)

        self._stage.change(self.name, effect)
        return Response(status=204)

    def _changed(self, contact: BrevoContact, content: dict[str, Any]) -> BrevoContact:
        """Return what a contact becomes; `emailBlacklisted` and a list bring back whoever left, without a word."""
        given = {str(name): str(value) for name, value in content.get("attributes", {}).items()}
        return replace(
            contact,
            email=given.get("EMAIL", contact.email).lower(),
            blocked=bool(content.get("emailBlacklisted", contact.blocked)),
            lists=(contact.lists | set(content.get("listIds", ()))) - set(content.get("unlinkListIds", ())),
            attributes={**contact.attributes, **{name: given[name] for name in self._names if name in given}},
        )

    def _take(self, before: BrevoContact | None, after: BrevoContact) -> None:
        """Keep a contact, and tell of it: what the API did is told like everything else."""
        self._keep(after)
        if self._list in after.lists and (before is None or self._list not in before.lists):
            self._webhooks.tell_of_list("list_addition", after.email)
        if before is not None:
            blocked = after.blocked if after.blocked != before.blocked else None
            self._webhooks.tell_of_contact(after.email, after.attributes, blocked=blocked)

    def _keep(self, contact: BrevoContact) -> None:
        self._contacts[contact.number] = contact

    def _make_webhook(self) -> ResponseReturnValue:
        number = self._webhooks.make(request.get_json())
        return error(400, "invalid_parameter") if number is None else (jsonify({"id": number}), 201)

    def _update_webhook(self, number: int) -> ResponseReturnValue:
        return Response(status=204) if self._webhooks.update(number, request.get_json()) else unknown()

    def _delete_webhook(self, number: int) -> ResponseReturnValue:
        return Response(status=204) if self._webhooks.delete(number) else unknown()

    def _found(self, key: str) -> BrevoContact | None:
        """Find a contact by what `identifierType` says the key is."""
        with self._stage.lock:
            if request.args.get("identifierType") == "contact_id":
                return self._contacts.get(int(key)) if key.isdigit() else None
            return self._by_address(key)

    def _by_address(self, email: str) -> BrevoContact | None:
        return next((contact for contact in self._contacts.values() if contact.email == email.lower()), None)


def presented(contact: BrevoContact) -> dict[str, Any]:
    """Write a contact as Brevo does."""
    return {
        "id": contact.number,
        "email": contact.email,
        "emailBlacklisted": contact.blocked,
        "smsBlacklisted": False,
        "listIds": sorted(contact.lists),
        "attributes": contact.attributes,
    }


def error(status: int, code: str) -> tuple[Response, int]:
    """Write an error as Brevo does."""
    return jsonify({"code": code, "message": code.replace("_", " ").capitalize()}), status


def unknown() -> tuple[Response, int]:
    """Write what Brevo says of what it does not have."""
    return error(404, "document_not_found")

"""Laposta as it is played: API v2 with its codes, and webhooks in bundles."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from flask import jsonify, request

from services.sandbox.entrance import entrance
from services.sandbox.laposta_campaigns import LapostaCampaigns
from services.sandbox.laposta_webhooks import LapostaWebhooks

if TYPE_CHECKING:
    from datetime import datetime

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from services.sandbox.state import Stage

ZONE = ZoneInfo("Europe/Amsterdam")
CUSTOM_FIELD = re.compile(r"custom_fields\[([a-z0-9_]+)\]")
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
STATES = frozenset({"active", "unsubscribed"})
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
# What happens at Laposta when nobody used the API: state after it, event, action, who did it.
ACTS = {
    "unsubscribe": ("unsubscribed", "deactivated", "unsubscribed", "external"),
    "complain": ("unsubscribed", "deactivated", "unsubscribed", "external"),
    "bounce": ("cleaned", "deactivated", "hardbounce", "app"),
    "delete": ("deleted", "deactivated", "deleted", "app"),
    "resubscribe": ("active", "subscribed", "resubscribed", "external"),
}


@dataclass(frozen=True, kw_only=True)
class LapostaMember:
    """One member of the list."""

    member_id: str
    email: str
    state: str
    ip: str
    signed_up_at: datetime
    modified_at: datetime
    custom_fields: dict[str, str] = field(default_factory=dict)


class Laposta:
    """One account with one list, which has the fields `email` and `voornaam`."""

    name = "laposta"

    def __init__(self, stage: Stage) -> None:
        """Start with an empty list."""
        self._stage = stage
        self._settings = stage.config.addresses[self.name]
        self._list_id = self._settings["list_id"]
        self._fields = ["email", "voornaam"]
        self._members: dict[str, LapostaMember] = {}
        self._webhooks = LapostaWebhooks(stage, self._list_id, self._settings["webhook_secret"])
        self._mailings = LapostaCampaigns(stage, self._list_id)
        self.campaigns = self._mailings.kept

    def blueprint(self) -> Blueprint:
        """Return the routes under /laposta/v2."""
        routes = entrance(
            self._stage,
            self.name,
            "/laposta/v2",
            failed=lambda: error(500, "internal", "Internal error"),
            busy=lambda: (*error(429, "invalid_request", "Too many requests"), {"Retry-After": "7"}),
        )
        routes.before_request(self._closed_to_others)
        routes.get("/list/<list_id>")(self._list)
        routes.get("/field")(self._show_fields)
        routes.get("/member")(self._show_members)
        routes.post("/member")(self._create)
        routes.get("/member/<path:key>")(self._show)
        routes.post("/member/<path:key>")(self._update)
        routes.delete("/member/<path:key>")(self._delete)
        routes.get("/webhook")(self._show_webhooks)
        routes.post("/webhook")(self._make_webhook)
        routes.post("/webhook/<webhook_id>")(self._update_webhook)
        self._mailings.add_to(routes)
        return routes

    def reset(self) -> None:
        """Forget the members; webhooks stay, as whoever made them will not make them again."""
        with self._stage.lock:
            self._members.clear()
            self._webhooks.reset()
            self.campaigns.reset()

    def members(self) -> list[dict[str, str]]:
        """Return the list for the control calls."""
        with self._stage.lock:
            return [
                {"email": member.email, "state": member.state, "first_name": member.custom_fields.get("voornaam", "")}
                for member in self._members.values()
            ]

    def act(self, act: str, email: str) -> bool:
        """Let something happen to a member that is none of ours, and post it. False for an unknown member."""
        state, event, action, source = ACTS[act]
        with self._stage.lock:
            member = self._members.get(email.lower())
            if member is None:
                return False
            member = replace(member, state=state, modified_at=self._stage.config.clock())
            if act == "delete":
                del self._members[email.lower()]
            else:
                self._members[email.lower()] = member
            self._webhooks.tell(event, presented(self._list_id, member), action, source)
            return True

    def _closed_to_others(self) -> ResponseReturnValue | None:
        given = request.authorization
        if given is None or given.type != "basic" or given.username != self._settings["api_key"]:
            return error(401, "invalid_request", "No valid API key given")
        if request.path.startswith(("/laposta/v2/list/", "/laposta/v2/campaign")):
            return None
        source = request.form if request.method == "POST" else request.args
        list_id = source.get("list_id", "")
        if not list_id:
            return invalid("List id: empty", 201, "list_id")
        return None if list_id == self._list_id else invalid("List id: unknown", 203, "list_id")

    def _list(self, list_id: str) -> ResponseReturnValue:
        if list_id != self._list_id:
            return invalid("List id: unknown", 203, "list_id")
        return jsonify({"list": {"list_id": list_id, "name": "Nieuwsbrief", "state": "active"}})

    def _show_fields(self) -> ResponseReturnValue:
        rows = [{"field": {"custom_name": name, "is_email": name == "email"}} for name in self._fields]
        return jsonify({"data": rows})

    def _show_members(self) -> ResponseReturnValue:
        state = request.args.get("state")
        with self._stage.lock:
            chosen = [member for member in self._members.values() if state in (None, member.state)]
        return jsonify({"data": [{"member": presented(self._list_id, member)} for member in chosen]})

    def _show(self, key: str) -> ResponseReturnValue:
        member = self._found(key)
        return unknown_member() if member is None else jsonify({"member": presented(self._list_id, member)})

    def _create(self) -> ResponseReturnValue:
        form = request.form
        email = form.get("email", "").strip()
        for name, value in (("ip", form.get("ip", "")), ("email", email)):
            if not value:
                return invalid(f"{name}: empty", 201, name)
        if not ADDRESS.fullmatch(email):
            return invalid("Email: invalid address", 208, "email")
        options = {name: BOOLEANS.get(form.get(f"options[{name}]", "false")) for name in OPTIONS}
        if None in options.values():
            return invalid("Options: not a boolean", 206, "options")
        with self._stage.lock:
            present = self._members.get(email.lower())
            if present is not None and not options["upsert"]:
                return invalid("Email: exists", 204, "email", member_id=present.member_id)
            member = self._upserted(present, email, revives=not options["suppress_reactivation"])
            self._stage.change(self.name, lambda: self._members.__setitem__(email.lower(), member))
        return jsonify({"member": presented(self._list_id, member)}), 201 if present is None else 200

    def _upserted(self, present: LapostaMember | None, email: str, *, revives: bool) -> LapostaMember:
        now = self._stage.config.clock()
        given = self._custom_fields()
        if present is None:
            return LapostaMember(
                member_id=secrets.token_urlsafe(8),
                email=email,
                state="active",
                ip=request.form["ip"],
                signed_up_at=now,
                modified_at=now,
                custom_fields=given,
            )
        state = "active" if revives else present.state
        return replace(present, state=state, modified_at=now, custom_fields={**present.custom_fields, **given})

    def _update(self, key: str) -> ResponseReturnValue:
        member = self._found(key)
        if member is None:
            return unknown_member()
        state = request.form.get("state", member.state)
        if state not in STATES | {member.state}:
            return invalid("State: unknown", 203, "state")
        changed = replace(
            member,
            state=state,
            email=request.form.get("email", member.email),
            modified_at=self._stage.config.clock(),
            custom_fields={**member.custom_fields, **self._custom_fields()},
        )

        def effect() -> None:
            self._members.pop(member.email.lower(), None)
            self._members[changed.email.lower()] = changed

        self._stage.change(self.name, effect)
        return jsonify({"member": presented(self._list_id, changed)})

    def _delete(self, key: str) -> ResponseReturnValue:
        member = self._found(key)
        if member is None:
            return unknown_member()
        self._stage.change(self.name, lambda: self._members.pop(member.email.lower(), None))
        return jsonify({"member": presented(self._list_id, replace(member, state="deleted"))})

    def _show_webhooks(self) -> ResponseReturnValue:
        return jsonify({"data": [{"webhook": hook} for hook in self._webhooks.shown()]})

    def _make_webhook(self) -> ResponseReturnValue:
        for name in ("event", "url", "blocked"):
            if not request.form.get(name):
                return invalid(f"{name}: empty", 201, name)
        hook = self._webhooks.make(request.form)
        return invalid("URL: invalid", 209, "url") if hook is None else (jsonify({"webhook": hook}), 201)

    def _update_webhook(self, webhook_id: str) -> ResponseReturnValue:
        hook = self._webhooks.update(webhook_id, request.form)
        return invalid("Webhook id: unknown", 203, "webhook_id") if hook is None else jsonify({"webhook": hook})

    def _found(self, key: str) -> LapostaMember | None:
        with self._stage.lock:
            by_address = self._members.get(key.lower())
            return by_address or next((found for found in self._members.values() if found.member_id == key), None)

    def _custom_fields(self) -> dict[str, str]:
        """Return the fields the list has; the others are dropped, without a word."""
        named = {match[1]: value for key, value in request.form.items() if (match := CUSTOM_FIELD.fullmatch(key))}
        return {name: value for name, value in named.items() if name in self._fields}


OPTIONS = ("upsert", "suppress_reactivation", "suppress_email_notification", "ignore_doubleoptin")


def local(moment: datetime) -> str:
    """Write a time as Laposta does: the account's zone, not named."""
    return moment.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


def presented(list_id: str, member: LapostaMember) -> dict[str, Any]:
    """Write a member as Laposta does."""
    return {
        "member_id": member.member_id,
        "list_id": list_id,
        "email": member.email,
        "state": member.state,
        "timezone": None,
        "signup_date": local(member.signed_up_at),
        "signup_date_iso": member.signed_up_at.astimezone(ZONE).isoformat(timespec="seconds"),
        "modified": local(member.modified_at),
        "modified_iso": member.modified_at.astimezone(ZONE).isoformat(timespec="seconds"),
        "confirm_date": local(member.signed_up_at),
        "ip": member.ip,
        "source_url": "",
        "custom_fields": member.custom_fields,
    }


def error(status: int, kind: str, message: str, **more: object) -> tuple[Any, int]:
    """Write an error as Laposta does."""
    return jsonify({"error": {"type": kind, "message": message, **more}}), status


def invalid(message: str, code: int, parameter: str, **more: object) -> tuple[Any, int]:
    """Write the 400 that Laposta gives for nearly everything, an unknown member among it."""
    return error(400, "invalid_input", message, code=code, parameter=parameter, **more)


def unknown_member() -> tuple[Any, int]:
    """Write what Laposta says of a member it does not know."""
    return invalid("Member id: unknown", 203, "member_id")

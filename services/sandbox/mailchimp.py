"""Mailchimp as it is played: Marketing API v3 with its problems, and what it will never take back."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from flask import Response, json, jsonify, request

from services.sandbox.entrance import entrance
from services.sandbox.mailchimp_campaigns import MailchimpCampaigns
from services.sandbox.mailchimp_webhooks import MailchimpWebhooks

if TYPE_CHECKING:
    from datetime import datetime

    from flask import Blueprint

    from services.sandbox.state import Stage

STATUSES = frozenset({"subscribed", "unsubscribed", "cleaned", "pending", "transactional"})
# What happens at Mailchimp when nobody used the API: status after it, and the webhook's fields.
ACTS: dict[str, tuple[str, dict[str, str]]] = {
    "unsubscribe": ("unsubscribed", {"type": "unsubscribe", "data[action]": "unsub", "data[reason]": "manual"}),
    "complain": ("unsubscribed", {"type": "unsubscribe", "data[action]": "unsub", "data[reason]": "abuse"}),
    "bounce": ("cleaned", {"type": "cleaned", "data[reason]": "hard"}),
    "delete": ("archived", {"type": "unsubscribe", "data[action]": "delete", "data[reason]": "manual"}),
    "resubscribe": ("subscribed", {"type": "subscribe"}),
}
BARRED = frozenset({"unsubscribe", "complain", "bounce"})


@dataclass(frozen=True, kw_only=True)
class MailchimpMember:
    """One member of the audience; one who left by themselves can only be asked, not subscribed."""

    contact_id: str
    email: str
    status: str
    changed_at: datetime
    merge_fields: dict[str, str] = field(default_factory=dict)
    left: bool = False


class Mailchimp:
    """One account with one audience, which has the merge fields FNAME and LNAME."""

    name = "mailchimp"

    def __init__(self, stage: Stage) -> None:
        """Start with an empty audience."""
        self._stage = stage
        self._settings = stage.config.addresses[self.name]
        self._list_id = self._settings["list_id"]
        self._tags = ["FNAME", "LNAME"]
        self._members: dict[str, MailchimpMember] = {}
        self._forgotten: set[str] = set()
        self._webhooks = MailchimpWebhooks(stage, self._list_id, self._settings["webhook_secret"])
        self._mailings = MailchimpCampaigns(stage, self._list_id, self._webhooks, problem)
        self.campaigns = self._mailings.kept

    def blueprint(self) -> Blueprint:
        """Return the routes under /mailchimp/3.0."""
        routes = entrance(
            self._stage,
            self.name,
            "/mailchimp/3.0",
            failed=lambda: problem(500, "Internal Server Error"),
            busy=lambda: problem(429, "Too Many Requests"),
        )
        routes.before_request(self._closed_to_others)
        routes.get("/lists/<list_id>")(self._show_list)
        routes.get("/lists/<list_id>/merge-fields")(self._show_merge_fields)
        routes.get("/lists/<list_id>/members")(self._show_members)
        routes.get("/lists/<list_id>/members/<key>")(self._show)
        routes.put("/lists/<list_id>/members/<key>")(self._put)
        routes.patch("/lists/<list_id>/members/<key>")(self._patch)
        routes.delete("/lists/<list_id>/members/<key>")(self._archive)
        routes.post("/lists/<list_id>/members/<key>/actions/delete-permanent")(self._forget)
        routes.get("/lists/<list_id>/webhooks")(self._show_webhooks)
        routes.post("/lists/<list_id>/webhooks")(self._make_webhook)
        routes.patch("/lists/<list_id>/webhooks/<webhook_id>")(self._update_webhook)
        self._mailings.add_to(routes)
        return routes

    def reset(self) -> None:
        """Forget the members and who was deleted; webhooks stay, as whoever made them will not make them again."""
        with self._stage.lock:
            self._members.clear()
            self._forgotten.clear()
            self.campaigns.reset()

    def members(self) -> list[dict[str, str]]:
        """Return the audience for the control calls."""
        with self._stage.lock:
            return [
                {"email": member.email, "state": member.status, "first_name": member.merge_fields.get("FNAME", "")}
                for member in self._members.values()
            ]

    def act(self, act: str, email: str) -> bool:
        """Let something happen to a member that is none of ours, and post it. False for an unknown member."""
        status, fields = ACTS[act]
        with self._stage.lock:
            member = self._members.get(hashed(email))
            if member is None:
                return False
            member = replace(member, status=status, changed_at=self._stage.config.clock(), left=act in BARRED)
            self._members[hashed(email)] = member
            self._webhooks.tell(fields, hashed(email), member.email, member.merge_fields, source="user")
            return True

    def _closed_to_others(self) -> Response | None:
        given = request.authorization
        key = None if given is None else (given.password if given.type == "basic" else given.token)
        if key != self._settings["api_key"]:
            return problem(401, "API Key Invalid")
        if (request.view_args or {}).get("list_id", self._list_id) != self._list_id:
            return problem(404, "Resource Not Found")
        if request.method in ("PUT", "PATCH") and not isinstance(request.get_json(silent=True), dict):
            return problem(400, "JSON Parse Error")
        return None

    def _show_list(self, list_id: str) -> Response:
        return shown({"id": list_id, "name": "Nieuwsbrief"})

    def _show_merge_fields(self, list_id: str) -> Response:
        return jsonify({"list_id": list_id, "merge_fields": [{"tag": tag, "type": "text"} for tag in self._tags]})

    def _show_members(self, list_id: str) -> Response:
        status, offset = request.args.get("status"), int(request.args.get("offset", 0))
        with self._stage.lock:
            rows = [
                presented(list_id, member)
                for member in self._members.values()
                if member.status == status or (status is None and member.status != "archived")
            ]
        page = rows[offset : offset + int(request.args.get("count", 10))]
        return jsonify({"members": page, "list_id": list_id, "total_items": len(rows)})

    def _show(self, list_id: str, key: str) -> Response:
        member = self._found(key)
        return problem(404, "Resource Not Found") if member is None else shown(presented(list_id, member))

    def _put(self, list_id: str, key: str) -> Response:
        content = request.get_json()
        email = str(content.get("email_address", ""))
        if "@" not in email or (key == hashed(key) and key != hashed(email)):
            return problem(400, "Invalid Resource")
        if hashed(email) in self._forgotten:
            return problem(400, "Forgotten Email Not Subscribed")
        present = self._found(key)
        status = content.get("status", content.get("status_if_new") if present is None else present.status)
        if status not in STATUSES | ({present.status} if present else set()):
            return problem(400, "Invalid Resource")
        if present is None:
            present = MailchimpMember(
                contact_id=secrets.token_hex(16), email=email, status=status, changed_at=self._stage.config.clock()
            )
        return self._changed(list_id, present, status, content)

    def _patch(self, list_id: str, key: str) -> Response:
        member = self._found(key)
        if member is None:
            return problem(404, "Resource Not Found")
        content = request.get_json()
        status = content.get("status", member.status)
        if status not in STATUSES | {member.status}:
            return problem(400, "Invalid Resource")
        return self._changed(list_id, member, status, content)

    def _changed(self, list_id: str, member: MailchimpMember, status: str, content: dict[str, Any]) -> Response:
        if member.left and status == "subscribed":
            return problem(400, "Member In Compliance State")
        given = {tag: str(value) for tag, value in content.get("merge_fields", {}).items() if tag in self._tags}
        changed = replace(
            member,
            email=str(content.get("email_address", member.email)),
            status=status,
            changed_at=self._stage.config.clock(),
            merge_fields={**member.merge_fields, **given},
        )

        def effect() -> None:
            self._members.pop(hashed(member.email), None)
            self._members[hashed(changed.email)] = changed

        self._stage.change(self.name, effect)
        if status != member.status and status in ("subscribed", "unsubscribed"):
            fields = ACTS["unsubscribe" if status == "unsubscribed" else "resubscribe"][1]
            self._webhooks.tell(fields, hashed(changed.email), changed.email, changed.merge_fields, source="api")
        return shown(presented(list_id, changed))

    def _archive(self, list_id: str, key: str) -> Response:
        del list_id
        member = self._found(key)
        if member is None:
            return problem(404, "Resource Not Found")
        archived = replace(member, status="archived")
        self._stage.change(self.name, lambda: self._members.__setitem__(hashed(member.email), archived))
        return Response(status=204)

    def _forget(self, list_id: str, key: str) -> Response:
        del list_id
        with self._stage.lock:
            if key not in self._members:
                return problem(404, "Resource Not Found")

        def effect() -> None:
            self._members.pop(key, None)
            self._forgotten.add(key)

        self._stage.change(self.name, effect)
        return Response(status=204)

    def _show_webhooks(self, list_id: str) -> Response:
        return jsonify({"webhooks": self._webhooks.shown(), "list_id": list_id})

    def _make_webhook(self, list_id: str) -> Response:
        del list_id
        hook = self._webhooks.make(request.get_json(silent=True) or {})
        return problem(400, "Invalid Resource") if hook is None else jsonify(hook)

    def _update_webhook(self, list_id: str, webhook_id: str) -> Response:
        del list_id
        hook = self._webhooks.update(webhook_id, request.get_json())
        return problem(404, "Resource Not Found") if hook is None else jsonify(hook)

    def _found(self, key: str) -> MailchimpMember | None:
        """Find a member by hash, by address or by contact id."""
        with self._stage.lock:
            named = self._members.get(key) or self._members.get(hashed(key))
            return named or next((found for found in self._members.values() if found.contact_id == key), None)


def hashed(email: str) -> str:
    """Return the name of a member in paths."""
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def presented(list_id: str, member: MailchimpMember) -> dict[str, Any]:
    """Write a member as Mailchimp does."""
    return {
        "id": hashed(member.email),
        "email_address": member.email,
        "contact_id": member.contact_id,
        "full_name": " ".join(member.merge_fields.values()),
        "email_type": "html",
        "status": member.status,
        "merge_fields": {"FNAME": "", "LNAME": "", **member.merge_fields},
        "ip_signup": "",
        "ip_opt": "",
        "last_changed": member.changed_at.isoformat(timespec="seconds"),
        "list_id": list_id,
    }


def shown(content: dict[str, Any]) -> Response:
    """Write an object, or the part of it that `fields` asks for."""
    wanted = request.args.get("fields")
    names = content.keys() if wanted is None else wanted.split(",")
    return jsonify({name: content[name] for name in names if name in content})


def problem(status: int, title: str) -> Response:
    """Write a problem as Mailchimp does."""
    content = {
        "type": "https://mailchimp.com/developer/marketing/docs/errors/",
        "title": title,
        "status": status,
        "detail": f"{title}.",
        "instance": secrets.token_hex(16),
    }
    return Response(json.dumps(content), status=status, content_type="application/problem+json")

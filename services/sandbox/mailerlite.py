"""MailerLite as it is played: everything under `data`, no way back for who left, and thirty days to forget."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import Response, jsonify, request

from services.sandbox.entrance import entrance
from services.sandbox.mailerlite_campaigns import MailerLiteCampaigns
from services.sandbox.mailerlite_webhooks import MailerLiteWebhooks

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from services.sandbox.state import Stage

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
STATUSES = ("active", "unsubscribed", "unconfirmed", "bounced", "junk")
FORGETS_IN = timedelta(days=30)
# What happens at MailerLite when nobody used the API: status after it, and the word in the webhook.
ACTS = {
    "unsubscribe": ("unsubscribed", "subscriber.unsubscribed"),
    "complain": ("junk", "subscriber.spam_reported"),
    "bounce": ("bounced", "subscriber.bounced"),
    "delete": ("unsubscribed", "subscriber.deleted"),
    "resubscribe": ("active", "subscriber.active"),
}


@dataclass(frozen=True, kw_only=True)
class MailerLiteSubscriber:
    """One subscriber of the account; an id is a text of eighteen digits."""

    number: str
    email: str
    status: str
    subscribed_at: datetime
    updated_at: datetime
    unsubscribed_at: datetime | None = None
    groups: frozenset[str] = frozenset()
    fields: dict[str, str] = field(default_factory=dict)


class MailerLite:
    """One account with one group, which has the fields `name` and `last_name`."""

    name = "mailerlite"

    def __init__(self, stage: Stage) -> None:
        """Start with nobody."""
        self._stage = stage
        self._key = stage.config.addresses[self.name]["api_key"]
        self._group = stage.config.addresses[self.name]["list_id"]
        self._names = ("name", "last_name")
        self._subscribers: dict[str, MailerLiteSubscriber] = {}
        self._webhooks = MailerLiteWebhooks(stage, stage.config.addresses[self.name]["webhook_secret"])
        self._mailings = MailerLiteCampaigns(stage, self._group, self._webhooks)
        self.campaigns = self._mailings.kept

    def blueprint(self) -> Blueprint:
        """Return the routes under /mailerlite/api."""
        routes = entrance(
            self._stage,
            self.name,
            "/mailerlite/api",
            failed=lambda: error(500, "Server Error"),
            busy=lambda: (*error(429, "Too Many Attempts."), {"Retry-After": "7"}),
        )
        routes.before_request(self._closed_to_others)
        routes.get("/fields")(self._show_fields)
        routes.get("/groups/<group>/subscribers")(self._show_group)
        routes.post("/subscribers")(self._upsert)
        routes.get("/subscribers/<path:key>")(self._show)
        routes.put("/subscribers/<path:key>")(self._update)
        routes.post("/subscribers/<number>/forget")(self._forget)
        routes.get("/webhooks")(self._webhooks.shown)
        routes.post("/webhooks")(self._webhooks.make)
        routes.put("/webhooks/<number>")(self._webhooks.update)
        routes.delete("/webhooks/<number>")(self._webhooks.delete)
        self._mailings.add_to(routes)
        return routes

    def reset(self) -> None:
        """Forget the subscribers; webhooks stay, as whoever made them will not make them again."""
        with self._stage.lock:
            self._subscribers.clear()
            self._webhooks.reset()
            self.campaigns.reset()

    def members(self) -> list[dict[str, str]]:
        """Return the subscribers for the control calls."""
        with self._stage.lock:
            return [
                {"email": each.email, "state": each.status, "first_name": each.fields.get("name", "")}
                for each in self._subscribers.values()
            ]

    def act(self, act: str, email: str) -> bool:
        """Let something happen to a subscriber that is none of ours, and post it. False for an unknown one."""
        status, word = ACTS[act]
        with self._stage.lock:
            found = self._found(email)
            if found is None:
                return False
            changed = self._at_status(found, status)
            if act == "delete":
                del self._subscribers[found.number]
            else:
                self._subscribers[found.number] = changed
            self._webhooks.tell(word, presented(changed))
            return True

    def _closed_to_others(self) -> ResponseReturnValue | None:
        given = request.authorization
        if given is None or given.type != "bearer" or given.token != self._key:
            return error(401, "Unauthenticated.")
        if request.headers.get("Accept") != "application/json":
            return Response("<!DOCTYPE html>", status=406)
        return None

    def _show_fields(self) -> Response:
        return jsonify({"data": [{"id": str(n), "key": name, "type": "text"} for n, name in enumerate(self._names)]})

    def _show_group(self, group: str) -> ResponseReturnValue:
        if group != self._group:
            return not_found()
        status, after = request.args.get("filter[status]", "active"), request.args.get("cursor", "")
        limit = min(int(request.args.get("limit", 50)), 100)
        with self._stage.lock:
            rows = sorted(
                (each for each in self._subscribers.values() if group in each.groups and each.status == status),
                key=lambda each: each.number,
            )
        rows = [each for each in rows if each.number > after]
        page = rows[:limit]
        cursor = page[-1].number if len(rows) > limit else None
        return jsonify({"data": [presented(each) for each in page], "meta": {"next_cursor": cursor}})

    def _show(self, key: str) -> ResponseReturnValue:
        found = self._found(key)
        return not_found() if found is None else jsonify({"data": shown(found)})

    def _upsert(self) -> ResponseReturnValue:
        content = _content()
        email = str(content.get("email", "")).lower()
        if not ADDRESS.fullmatch(email):
            return invalid("email", "The email must be a valid email address.")
        with self._stage.lock:
            present = self._found(email)
            now = self._stage.config.clock()
            before = present or MailerLiteSubscriber(
                number=str(10**17 + secrets.randbelow(9 * 10**17)),
                email=email,
                status="active",
                subscribed_at=now,
                updated_at=now,
            )
            return self._changed(present, before, content)

    def _update(self, key: str) -> ResponseReturnValue:
        with self._stage.lock:
            found = self._found(key)
            return not_found() if found is None else self._changed(found, found, _content())

    def _changed(
        self, present: MailerLiteSubscriber | None, before: MailerLiteSubscriber, content: dict[str, Any]
    ) -> ResponseReturnValue:
        status = content.get("status", before.status)
        if status not in STATUSES:
            return invalid("status", "The selected status is invalid.")
        if status == "active" and before.status != "active":
            return invalid("status", "This subscriber is unsubscribed and cannot be imported.")
        given = {
            name: str(content.get("fields", {})[name]) for name in self._names if name in content.get("fields", {})
        }
        changed = replace(
            self._at_status(before, status),
            email=str(content.get("email", before.email)).lower(),
            groups=before.groups | {str(each) for each in content.get("groups", ())},
            fields={**before.fields, **given},
        )
        self._stage.change(self.name, lambda: self._take(present, changed))
        return jsonify({"data": shown(changed)}), 200 if present else 201

    def _take(self, before: MailerLiteSubscriber | None, after: MailerLiteSubscriber) -> None:
        """Keep a subscriber, and tell of it: what the API did is told like everything else."""
        self._subscribers[after.number] = after
        for group in after.groups - (before.groups if before else frozenset()):
            self._webhooks.tell_of_group("subscriber.added_to_group", presented(after), group)
        if before is not None:
            left = after.status == "unsubscribed" != before.status
            self._webhooks.tell("subscriber.unsubscribed" if left else "subscriber.updated", presented(after))

    def _forget(self, number: str) -> ResponseReturnValue:
        found = self._found(number)
        if found is None:
            return not_found()
        now = self._stage.config.clock()

        def effect() -> None:
            self._subscribers.pop(found.number, None)
            self._webhooks.tell("subscriber.deleted", presented(found) | {"deleted_at": written(now)})

        self._stage.change(self.name, effect)
        gone = {"deleted_at": written(now), "forget_at": written(now + FORGETS_IN)}
        message = "Subscriber data will be completely deleted and forgotten within 30 days."
        return jsonify({"message": message, "data": presented(found) | gone})

    def _at_status(self, subscriber: MailerLiteSubscriber, status: str) -> MailerLiteSubscriber:
        now = self._stage.config.clock()
        left = now if status == "unsubscribed" != subscriber.status else subscriber.unsubscribed_at
        return replace(subscriber, status=status, updated_at=now, unsubscribed_at=left)

    def _found(self, key: str) -> MailerLiteSubscriber | None:
        """Find a subscriber by id or by address."""
        with self._stage.lock:
            by_address = (each for each in self._subscribers.values() if each.email == key.lower())
            return self._subscribers.get(key) or next(by_address, None)


def written(moment: datetime) -> str:
    """Write a time as MailerLite does: UTC, with six decimals."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def presented(subscriber: MailerLiteSubscriber) -> dict[str, Any]:
    """Write a subscriber as MailerLite does."""
    left = subscriber.unsubscribed_at
    return {
        "id": subscriber.number,
        "email": subscriber.email,
        "status": subscriber.status,
        "source": "api",
        "ip_address": None,
        "subscribed_at": written(subscriber.subscribed_at),
        "unsubscribed_at": written(left) if left else None,
        "updated_at": written(subscriber.updated_at),
        "deleted_at": None,
        "forget_at": None,
        "fields": {"name": None, "last_name": None, **subscriber.fields},
    }


def shown(subscriber: MailerLiteSubscriber) -> dict[str, Any]:
    """Write a subscriber that was asked for by itself: with the groups."""
    return presented(subscriber) | {"groups": [{"id": group, "name": "Nieuwsbrief"} for group in subscriber.groups]}


def error(status: int, message: str) -> tuple[Response, int]:
    """Write an error as MailerLite does."""
    return jsonify({"message": message}), status


def invalid(name: str, message: str) -> tuple[Response, int]:
    """Write what MailerLite says of a field that it refuses."""
    return jsonify({"message": message, "errors": {name: [message]}}), 422


def not_found() -> tuple[Response, int]:
    """Write what MailerLite says of what it does not have."""
    return error(404, "Resource not found.")


def _content() -> dict[str, Any]:
    content = request.get_json(silent=True)
    return content if isinstance(content, dict) else {}

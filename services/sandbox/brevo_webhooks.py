"""Brevo's webhooks as they are played: an event each, our own acts among them, unsigned, and soon dropped."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import jsonify

from services.sandbox.webhooks import Delivery, is_reachable, send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response

    from services.sandbox.state import Stage

WAITS = (0.5, 1, 2, 4)  # theirs: 10 minutes, 1, 2 and 8 hours
CALLED = {
    "unsubscribed": "unsubscribed",
    "spam": "spam",
    "hard_bounced": "hardBounce",
    "list_addition": "listAddition",
    "contact_updated": "contactUpdated",
    "contact_deleted": "contactDeleted",
}
"""The name under which a webhook asks for what a delivery calls otherwise."""


class BrevoWebhooks:
    """The webhooks of one account."""

    def __init__(self, stage: Stage, list_number: int) -> None:
        """Start with none."""
        self._stage = stage
        self._list = list_number
        self._hooks: dict[int, dict[str, Any]] = {}

    def shown(self) -> tuple[Response, int]:
        """Return the webhooks as Brevo writes them; where there are none, it has found nothing."""
        with self._stage.lock:
            if not self._hooks:
                return jsonify({"code": "document_not_found", "message": "Webhooks not found"}), 404
            return jsonify({"webhooks": list(self._hooks.values())}), 200

    def make(self, content: Mapping[str, Any]) -> int | None:
        """Make a webhook and return its number; None for an address or an event that it cannot take."""
        if not is_reachable(str(content.get("url", ""))) or not set(content.get("events", ())) <= {*CALLED.values()}:
            return None
        with self._stage.lock:
            number = max(self._hooks, default=0) + 1
            self._hooks[number] = {**content, "id": number}
            return number

    def update(self, number: int, content: Mapping[str, Any]) -> bool:
        """Change what is given; False for a webhook that it does not have."""
        with self._stage.lock:
            if number in self._hooks:
                self._hooks[number] = {**self._hooks[number], **content, "id": number}
            return number in self._hooks

    def delete(self, number: int) -> bool:
        """Take a webhook away; False for one that it does not have."""
        with self._stage.lock:
            return self._hooks.pop(number, None) is not None

    def tell_of_list(self, word: str, email: str) -> None:
        """Post what happened to a contact on the list; `id` is the webhook's own."""
        now = int(self._stage.config.clock().timestamp())
        event: dict[str, Any] = {"email": email, "event": word, "date": "2026-01-01 00:00:00", "ts": now}
        if word in ("unsubscribed", "spam", "hard_bounced"):
            event |= {"camp_id": 12, "campaign name": "Editie", "tag": "", "ts_sent": now - 60, "ts_event": now}
        if word not in ("spam", "hard_bounced"):
            event |= {"list_id": [self._list]}
        self._post(event)

    def tell_of_contact(self, email: str, attributes: Mapping[str, str], *, blocked: bool | None) -> None:
        """Post that a contact was updated; that it was blocked stands inside, and its address too."""
        part: dict[str, Any] = {"email": email, "list": {}, "attributes": dict(attributes)}
        if blocked is not None:
            part["emailBlacklist"] = blocked
        now = self._stage.config.clock()
        event = {"event": "contact_updated", "date": now.isoformat(timespec="milliseconds"), "content": [part]}
        self._post({**event, "ts": int(now.timestamp())})

    def _post(self, event: Mapping[str, Any]) -> None:
        with self._stage.lock:
            hooks = [hook for hook in self._hooks.values() if CALLED[event["event"]] in hook["events"]]
        for hook in hooks:
            send(
                self._stage,
                Delivery(
                    processor="brevo",
                    url=hook["url"],
                    body=json.dumps({**event, "id": hook["id"]}).encode(),
                    headers=partial(_headers, hook),
                    waits=WAITS,
                    # Whatever it is answered ends it, be it a 500: only a 429 and silence are offered again.
                    accepts=lambda status: status != 429,
                    gave_up=lambda: None,
                ),
            )


def _headers(hook: Mapping[str, Any], _body: bytes) -> dict[str, str]:
    """Return what a webhook was told to show; nothing is signed."""
    headers = {"Content-Type": "application/json"}
    headers |= {each["key"]: each["value"] for each in hook.get("headers", ())}
    if auth := hook.get("auth"):
        headers["Authorization"] = f"Bearer {auth['token']}"
    return headers

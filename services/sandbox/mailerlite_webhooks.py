"""MailerLite's webhooks as they are played: signed, in batches where they may, and answered within three seconds."""

from __future__ import annotations

import hmac
import json
import secrets
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from flask import Response, jsonify, request

from services.sandbox.webhooks import Delivery, is_reachable, send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.typing import ResponseReturnValue

    from services.sandbox.state import Stage

ANSWER_SECONDS = 3.0
BUNDLE_SECONDS = 0.1
WAITS = (0.5, 2, 8)  # theirs: 10, 100 and 1000 seconds
ONLY_IN_BATCHES = frozenset({"subscriber.deleted", "campaign.open", "campaign.click"})


class MailerLiteWebhooks:
    """The webhooks of one account, and the events that wait for their batch."""

    def __init__(self, stage: Stage, secret: str) -> None:
        """Start with none; `secret` signs for all of them."""
        self._stage = stage
        self._secret = secret
        self._hooks: dict[str, dict[str, Any]] = {}
        self._waiting: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def reset(self) -> None:
        """Forget the events that wait."""
        self._waiting.clear()

    def shown(self) -> Response:
        """Return the webhooks as MailerLite writes them."""
        with self._stage.lock:
            return jsonify({"data": list(self._hooks.values())})

    def make(self) -> ResponseReturnValue:
        """Make a webhook; without batches it cannot tell everything."""
        content = request.get_json(silent=True) or {}
        if not _is_possible(content):
            return jsonify({"message": "The given data was invalid.", "errors": {"events": ["invalid"]}}), 422
        number = str(10**17 + secrets.randbelow(9 * 10**17))
        hook = {"enabled": True, "batchable": False, "is_blocked": False, "version": "2025-05", **content}
        with self._stage.lock:
            self._hooks[number] = {**hook, "id": number, "secret": self._secret}
            return jsonify({"data": self._hooks[number]}), 201

    def update(self, number: str) -> ResponseReturnValue:
        """Change what is given."""
        content = request.get_json(silent=True) or {}
        with self._stage.lock:
            if number not in self._hooks:
                return jsonify({"message": "Resource not found."}), 404
            unblocked = {"is_blocked": False} if content.get("enabled") else {}
            self._hooks[number] |= {**content, **unblocked}
            return jsonify({"data": self._hooks[number]})

    def delete(self, number: str) -> ResponseReturnValue:
        """Take a webhook away."""
        with self._stage.lock:
            return Response(status=404 if self._hooks.pop(number, None) is None else 204)

    def tell(self, word: str, subscriber: Mapping[str, Any]) -> None:
        """Tell of a subscriber: flat, with the word under `event`."""
        self._offer(word, {**subscriber, "event": word, "account_id": 1, "api_version": "2025-05"})

    def tell_of_group(self, word: str, subscriber: Mapping[str, Any], group: str) -> None:
        """Tell of a group: the subscriber inside, the word under `type`."""
        inside = {"subscriber": dict(subscriber), "group": {"id": group, "name": "Nieuwsbrief"}}
        self._offer(word, {"type": word, **inside, "account_id": 1, "api_version": "2025-05"})

    def tell_of_campaign(self, campaign: str, subject: str) -> None:
        """Tell that a mailing was sent."""
        word = "campaign.sent"
        self._offer(word, {"id": campaign, "name": subject, "event": word, "account_id": 1, "api_version": "2025-05"})

    def _offer(self, word: str, event: dict[str, Any]) -> None:
        for number, hook in self._hooks.items():
            if word not in hook["events"] or not hook["enabled"] or hook["is_blocked"]:
                continue
            if not hook["batchable"]:
                self._post(hook, event)
                continue
            if not self._waiting[number]:
                self._batch_soon(number)
            self._waiting[number].append(event)

    def _batch_soon(self, number: str) -> None:
        self._stage.background.schedule(BUNDLE_SECONDS * self._stage.config.pace, lambda: self._send_batch(number))

    def _send_batch(self, number: str) -> None:
        with self._stage.lock:
            hook, events = self._hooks.get(number), self._waiting.pop(number, [])
        if hook is not None and events:
            self._post(hook, {"events": events, "total": len(events)})

    def _post(self, hook: Mapping[str, Any], content: Mapping[str, Any]) -> None:
        send(
            self._stage,
            Delivery(
                processor="mailerlite",
                url=hook["url"],
                body=json.dumps(content).encode(),
                headers=self._headers,
                waits=WAITS,
                accepts=lambda status: 200 <= status < 300,
                gave_up=lambda: None,
                answer_seconds=ANSWER_SECONDS,
            ),
        )

    def _headers(self, body: bytes) -> dict[str, str]:
        signature = hmac.digest(self._secret.encode(), body, "sha256").hex()
        return {"Content-Type": "application/json", "Signature": signature}


def _is_possible(content: Mapping[str, Any]) -> bool:
    events = set(content.get("events", ()))
    in_batches = bool(content.get("batchable"))
    return is_reachable(str(content.get("url", ""))) and bool(events) and (in_batches or not events & ONLY_IN_BATCHES)

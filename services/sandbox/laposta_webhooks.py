"""Laposta's webhooks as they are played: one event each, bundled, signed, and deleted when they fail too long."""

from __future__ import annotations

import hmac
import json
import secrets
from collections import defaultdict
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from services.sandbox.webhooks import Delivery, is_reachable, send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.sandbox.state import Stage

ZONE = ZoneInfo("Europe/Amsterdam")
EVENTS = frozenset({"subscribed", "modified", "deactivated"})
BUNDLE_SECONDS = 0.1  # theirs: 5 seconds
LARGEST_BUNDLE = 1000
WAITS = (0.5, 1, 2, 4, 8, 16, 32)  # theirs: seven times, from 5 minutes to about 14 days


class LapostaWebhooks:
    """The webhooks of one list, and the events that wait to be bundled."""

    def __init__(self, stage: Stage, list_id: str, secret: str) -> None:
        """Start with none; `secret` signs for all of them."""
        self._stage = stage
        self._list_id = list_id
        self._secret = secret
        self._hooks: dict[str, dict[str, Any]] = {}
        self._waiting: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def reset(self) -> None:
        """Forget the events that wait."""
        self._waiting.clear()

    def shown(self) -> list[dict[str, Any]]:
        """Return the webhooks as Laposta writes them."""
        with self._stage.lock:
            return [dict(hook) for hook in self._hooks.values()]

    def make(self, form: Mapping[str, str]) -> dict[str, Any] | None:
        """Make a webhook of mandatory fields that are there; None for an address or event it cannot take."""
        if not is_reachable(form["url"]) or form["event"] not in EVENTS:
            return None
        now = self._stage.config.clock().astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")
        webhook_id = secrets.token_urlsafe(8)
        hook: dict[str, Any] = {
            "webhook_id": webhook_id,
            "list_id": self._list_id,
            "created": now,
            "modified": now,
            "state": "active",
            "event": form["event"],
            "url": form["url"],
            "blocked": form["blocked"] == "true",
            "secret": self._secret,
        }
        with self._stage.lock:
            self._hooks[webhook_id] = hook
        return dict(hook)

    def update(self, webhook_id: str, form: Mapping[str, str]) -> dict[str, Any] | None:
        """Change what is given of address, event and block; None for a webhook it does not have."""
        with self._stage.lock:
            hook = self._hooks.get(webhook_id)
            if hook is None:
                return None
            hook.update({name: form[name] for name in ("url", "event") if name in form})
            if "blocked" in form:
                hook["blocked"] = form["blocked"] == "true"
            return dict(hook)

    def tell(self, event: str, member: dict[str, Any], action: str, source: str) -> None:
        """Put an event in the bundle of every webhook that is for it."""
        now = self._stage.config.clock().astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")
        info = {"date_event": now, "action": action, "source": source}
        item = {"type": "member", "event": event, "data": member, "info": info}
        for webhook_id, hook in self._hooks.items():
            if hook["event"] == event and not hook["blocked"]:
                if not self._waiting[webhook_id]:
                    self._bundle_soon(webhook_id)
                self._waiting[webhook_id].append(item)

    def _bundle_soon(self, webhook_id: str) -> None:
        self._stage.background.schedule(BUNDLE_SECONDS * self._stage.config.pace, lambda: self._send(webhook_id))

    def _send(self, webhook_id: str) -> None:
        with self._stage.lock:
            hook, items = self._hooks.get(webhook_id), self._waiting.pop(webhook_id, [])
            if hook is None or not items:
                return
            if len(items) > LARGEST_BUNDLE:
                self._waiting[webhook_id] = items[LARGEST_BUNDLE:]
                self._bundle_soon(webhook_id)
            now = self._stage.config.clock().astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")
            url = hook["url"]
        send(
            self._stage,
            Delivery(
                processor="laposta",
                url=url,
                body=json.dumps({"data": items[:LARGEST_BUNDLE], "date_requested": now}).encode(),
                headers=self._headers,
                waits=WAITS,
                accepts=lambda status: status == 200,
                gave_up=lambda: self._delete(webhook_id),
            ),
        )

    def _headers(self, body: bytes) -> dict[str, str]:
        signature = hmac.digest(self._secret.encode(), body, "sha256").hex()
        return {"Content-Type": "application/json", "X-Laposta-Signature": signature}

    def _delete(self, webhook_id: str) -> None:
        with self._stage.lock:
            self._hooks.pop(webhook_id, None)

"""Mailchimp's webhooks as they are played: looked at before they are made, and one signed form for each event."""

from __future__ import annotations

import hmac
import secrets
from datetime import UTC
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from services.sandbox.webhooks import Delivery, answered, is_reachable, send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.sandbox.state import Stage

EVENTS = ("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign")
SOURCES = ("user", "admin", "api")
WAITS = (0.5, 1, 2, 4, 8)  # theirs: growing gaps over about 75 minutes


class MailchimpWebhooks:
    """The webhooks of one audience."""

    def __init__(self, stage: Stage, list_id: str, secret: str) -> None:
        """Start with none; `secret` signs for all of them."""
        self._stage = stage
        self._list_id = list_id
        self._secret = secret
        self._hooks: dict[str, dict[str, Any]] = {}

    def shown(self) -> list[dict[str, Any]]:
        """Return the webhooks as Mailchimp writes them; the signing secret is given once, when one is made."""
        with self._stage.lock:
            return [dict(hook) for hook in self._hooks.values()]

    def make(self, content: Mapping[str, Any]) -> dict[str, Any] | None:
        """Make a webhook after a GET on its address; None when that is not answered 200."""
        url = str(content.get("url", ""))
        if not is_reachable(url) or not answered(url):
            return None
        hook = {"id": secrets.token_hex(5), "url": url, "list_id": self._list_id, "signing_enabled": True}
        hook.update(_switches(content))
        with self._stage.lock:
            self._hooks[str(hook["id"])] = hook
        return {**hook, "signing_secret": self._secret}

    def update(self, webhook_id: str, content: Mapping[str, Any]) -> dict[str, Any] | None:
        """Change the switches; None for a webhook it does not have."""
        with self._stage.lock:
            hook = self._hooks.get(webhook_id)
            if hook is None:
                return None
            hook.update(_switches(content))
            return dict(hook)

    def tell(
        self, fields: Mapping[str, str], member_id: str, email: str, merges: Mapping[str, str], *, source: str
    ) -> None:
        """Post an event to every webhook that is for it and for what caused it."""
        self._post(fields["type"], source, self._form(fields, member_id, email, merges))

    def tell_of(self, fields: Mapping[str, str]) -> None:
        """Post what is about nobody."""
        self._post(fields["type"], "user", {**fields, "fired_at": self._now()})

    def _post(self, kind: str, source: str, form: Mapping[str, str]) -> None:
        body = urlencode(form).encode()
        with self._stage.lock:
            urls = [hook["url"] for hook in self._hooks.values() if hook["events"][kind] and hook["sources"][source]]
        for url in urls:
            send(
                self._stage,
                Delivery(
                    processor="mailchimp",
                    url=url,
                    body=body,
                    headers=self._headers,
                    waits=WAITS,
                    accepts=lambda status: 200 <= status < 300,
                    gave_up=lambda: None,
                ),
            )

    def _form(self, fields: Mapping[str, str], member_id: str, email: str, merges: Mapping[str, str]) -> dict[str, str]:
        form = {"type": fields["type"], "fired_at": self._now()}
        form.update({name: value for name, value in fields.items() if name != "type"})
        form.update({"data[list_id]": self._list_id, "data[email]": email})
        if fields["type"] == "cleaned":  # comes without an id and without merge fields
            return form
        form.update({"data[id]": member_id[:10], "data[email_type]": "html", "data[ip_opt]": "192.0.2.1"})
        form.update({f"data[merges][{tag}]": value for tag, value in {"EMAIL": email, **merges}.items()})
        return form

    def _now(self) -> str:
        return self._stage.config.clock().astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")

    def _headers(self, body: bytes) -> dict[str, str]:
        moment = str(int(self._stage.config.clock().timestamp()))
        signed = hmac.digest(self._secret.encode(), moment.encode() + b"." + body, "sha256").hex()
        return {
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": "MailChimp.com",
            "X-Mailchimp-Signature": f"t={moment},v1={signed}",
        }


def _switches(content: Mapping[str, Any]) -> dict[str, dict[str, bool]]:
    events, sources = content.get("events") or {}, content.get("sources") or {}
    return {
        "events": {name: bool(events.get(name, False)) for name in EVENTS},
        # Left out, a source counts as wanted: the way a loop begins.
        "sources": {name: bool(sources.get(name, True)) for name in SOURCES},
    }

"""Mailchimp's mailings as they are played: an audience and perhaps a segment, on the quarter of an hour."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flask import Response, jsonify, request

from services.sandbox.campaigns import SENDER, PlayedCampaigns

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Blueprint

    from services.sandbox.campaigns import PlayedCampaign
    from services.sandbox.mailchimp_webhooks import MailchimpWebhooks
    from services.sandbox.state import Stage


class MailchimpCampaigns:
    """The mailings of the account, with their routes; `problem` writes what Mailchimp says of a mistake."""

    def __init__(
        self, stage: Stage, list_id: str, webhooks: MailchimpWebhooks, problem: Callable[[int, str], Response]
    ) -> None:
        """Start with none."""
        self.kept = PlayedCampaigns(
            stage, "mailchimp", lambda _: secrets.token_hex(5), lambda each: webhooks.tell_of(self._told_of(each))
        )
        self._list_id = list_id
        self._problem = problem

    def add_to(self, routes: Blueprint) -> None:
        """Add the routes."""
        routes.get("/campaigns")(self._show_campaigns)
        routes.get("/campaigns/<key>")(self._show_campaign)
        routes.post("/campaigns/<key>/actions/schedule")(self._schedule)

    def _show_campaigns(self) -> Response:
        status, list_id = request.args.get("status"), request.args.get("list_id")
        since = request.args.get("since_send_time")
        rows = [self._presented(each) for each in self.kept.all()]
        rows = [row for row in rows if status in (None, row["status"])]
        rows = [row for row in rows if list_id in (None, row["recipients"]["list_id"])]
        if since is not None:
            rows = [row for row in rows if datetime.fromisoformat(row["send_time"]) >= datetime.fromisoformat(since)]
        page = rows[: int(request.args.get("count", 10))]
        return jsonify({"campaigns": page, "total_items": len(rows)})

    def _show_campaign(self, key: str) -> Response:
        found = self.kept.find(key)
        return self._problem(404, "Resource Not Found") if found is None else jsonify(self._presented(found))

    def _schedule(self, key: str) -> Response:
        found = self.kept.find(key)
        if found is None:
            return self._problem(404, "Resource Not Found")
        content = request.get_json(silent=True) or {}
        try:
            at = datetime.fromisoformat(str(content.get("schedule_time")))
        except ValueError:
            return self._problem(400, "Invalid Resource")
        if found.began_at or found.planned_at or at.tzinfo is None or at.minute % 15 or at.second:
            return self._problem(400, "Invalid Resource")
        self.kept.plan(key, at)
        return Response(status=204)

    def _told_of(self, campaign: PlayedCampaign) -> dict[str, str]:
        """Return what a webhook tells of one: no address, and nobody's name."""
        return {
            "type": "campaign",
            "data[id]": campaign.key,
            "data[subject]": campaign.subject,
            "data[status]": "sent",
            "data[reason]": "",
            "data[list_id]": self._list_of(campaign),
        }

    def _list_of(self, campaign: PlayedCampaign) -> str:
        return self._list_id if campaign.whom in ("list", "segment") else "another"

    def _presented(self, campaign: PlayedCampaign) -> dict[str, Any]:
        segment = {"saved_segment_id": 7, "match": "any", "conditions": []} if campaign.whom == "segment" else {}
        moment = campaign.began_at or campaign.planned_at
        return {
            "id": campaign.key,
            "type": "regular",
            "status": "sent" if campaign.began_at else "schedule" if campaign.planned_at else "save",
            "send_time": moment.astimezone(UTC).isoformat(timespec="seconds") if moment else "",
            "recipients": {
                "list_id": self._list_of(campaign),
                "list_name": "Nieuwsbrief",
                "segment_text": "<p>Contacts that match</p>" if segment else "",
                **({"segment_opts": segment} if segment else {}),
            },
            "settings": {"subject_line": campaign.subject, "title": campaign.subject, "reply_to": SENDER},
        }

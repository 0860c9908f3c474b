"""Laposta's mailings as they are played: local times, and all of them in one answer."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from flask import jsonify, request

from services.sandbox.campaigns import SENDER, PlayedCampaigns

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from services.sandbox.campaigns import PlayedCampaign
    from services.sandbox.state import Stage

ZONE = ZoneInfo("Europe/Amsterdam")


class LapostaCampaigns:
    """The mailings of the account, with their routes."""

    def __init__(self, stage: Stage, list_id: str) -> None:
        """Start with none."""
        self.kept = PlayedCampaigns(stage, "laposta", lambda _: secrets.token_hex(5))
        self._list_id = list_id

    def add_to(self, routes: Blueprint) -> None:
        """Add the routes."""
        routes.get("/campaign")(self._show_campaigns)
        routes.get("/campaign/<key>")(self._show_campaign)
        routes.post("/campaign/<key>/action/schedule")(self._schedule)

    def _show_campaigns(self) -> ResponseReturnValue:
        return jsonify({"data": [{"campaign": self._presented(each)} for each in self.kept.all()]})

    def _show_campaign(self, key: str) -> ResponseReturnValue:
        found = self.kept.find(key)
        return _invalid("Campaign id: unknown", 203) if found is None else jsonify({"campaign": self._presented(found)})

    def _schedule(self, key: str) -> ResponseReturnValue:
        found = self.kept.find(key)
        if found is None:
            return _invalid("Campaign id: unknown", 203)
        try:
            at = datetime.strptime(request.form.get("delivery_requested", ""), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
        except ValueError:
            return _invalid("Delivery requested: not a date", 207)
        if found.began_at is not None:
            return _invalid("Campaign: already sent", 999)
        self.kept.plan(key, at.replace(tzinfo=ZONE))
        return jsonify({"campaign": self._presented(self.kept.find(key) or found)})

    def _presented(self, campaign: PlayedCampaign) -> dict[str, Any]:
        lists: dict[str, Any] = {
            "list": [self._list_id],
            "segment": [{"list_id": self._list_id, "segment_id": "zomer"}],
            "more": [self._list_id, "andere"],
            "other": ["andere"],
        }
        requested = campaign.planned_at or campaign.began_at
        return {
            "campaign_id": campaign.key,
            "type": "regular",
            "name": campaign.subject,
            "subject": campaign.subject,
            "from": {"name": "Kliniek", "email": SENDER},
            "list_ids": lists[campaign.whom],
            "delivery_requested": _local(requested),
            "delivery_started": _local(campaign.began_at),
            "delivery_ended": _local(campaign.began_at),
        }


def _local(moment: datetime | None) -> str | None:
    return moment.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S") if moment else None


def _invalid(message: str, code: int) -> ResponseReturnValue:
    return jsonify({"error": {"type": "invalid_input", "message": message, "code": code}}), 400

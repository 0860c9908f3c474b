"""Brevo's mailings as they are played: lists to send to, lists to leave out, and nothing said of a change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flask import Response, jsonify, request

from services.sandbox.campaigns import SENDER, PlayedCampaigns

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from services.sandbox.campaigns import PlayedCampaign
    from services.sandbox.state import Stage

ASKED = {"sent": "sent", "queued": "queued", "draft": "draft", "inProcess": "in_process"}


class BrevoCampaigns:
    """The mailings of the account, with their routes."""

    def __init__(self, stage: Stage, list_number: int) -> None:
        """Start with none."""
        self.kept = PlayedCampaigns(stage, "brevo", str)
        self._list = list_number

    def add_to(self, routes: Blueprint) -> None:
        """Add the routes."""
        routes.get("/emailCampaigns")(self._show_campaigns)
        routes.get("/emailCampaigns/<key>")(self._show_campaign)
        routes.put("/emailCampaigns/<key>")(self._change_campaign)

    def _show_campaigns(self) -> ResponseReturnValue:
        wanted = ASKED.get(request.args.get("status", ""))
        rows = [row for row in map(self._presented, self.kept.all()) if row["status"] == wanted][::-1]
        page = rows[: int(request.args.get("limit", 50))]
        return jsonify({"count": len(rows), **({"campaigns": page} if page else {})})

    def _show_campaign(self, key: str) -> ResponseReturnValue:
        found = self.kept.find(key)
        return _unknown() if found is None else jsonify(self._presented(found))

    def _change_campaign(self, key: str) -> ResponseReturnValue:
        found = self.kept.find(key)
        if found is None:
            return _unknown()
        try:
            at = datetime.fromisoformat(str((request.get_json(silent=True) or {}).get("scheduledAt")))
        except ValueError:
            return jsonify({"code": "invalid_parameter", "message": "Schedule date is not valid"}), 400
        if found.began_at is not None:
            return jsonify({"code": "campaign_sent", "message": "Campaign is sent"}), 400
        self.kept.plan(key, at)
        return Response(status=204)

    def _presented(self, campaign: PlayedCampaign) -> dict[str, Any]:
        lists = {"list": [self._list], "segment": [self._list], "more": [self._list, 1], "other": [1]}[campaign.whom]
        shown: dict[str, Any] = {
            "id": int(campaign.key),
            "name": campaign.subject,
            "subject": campaign.subject,
            "type": "classic",
            "sender": {"name": "Kliniek", "email": SENDER, "id": "1"},
            "status": "sent" if campaign.began_at else "queued" if campaign.planned_at else "draft",
            "recipients": {"lists": lists, "exclusionLists": [1] if campaign.whom == "segment" else []},
        }
        if campaign.planned_at:
            shown["scheduledAt"] = _written(campaign.planned_at)
        if campaign.began_at:
            shown["sentDate"] = _written(campaign.began_at)
        return shown


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _unknown() -> ResponseReturnValue:
    return jsonify({"code": "document_not_found", "message": "Campaign ID does not exist"}), 404

"""listmonk's mailings as they are played: a change takes away the lists that it does not name."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask import jsonify, request

from services.sandbox.campaigns import SENDER, PlayedCampaigns

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from services.sandbox.campaigns import PlayedCampaign
    from services.sandbox.state import Stage


class ListmonkCampaigns:
    """The mailings of the installation, with their routes; it has no segments, only lists."""

    def __init__(self, stage: Stage, list_number: int) -> None:
        """Start with none."""
        self.kept = PlayedCampaigns(stage, "listmonk", str)
        self._list = list_number
        self._times: dict[str, datetime] = {}  # set, and not planned yet

    def add_to(self, routes: Blueprint) -> None:
        """Add the routes."""
        routes.get("/campaigns")(self._show_campaigns)
        routes.get("/campaigns/<key>")(self._show_campaign)
        routes.put("/campaigns/<key>")(self._change_campaign)
        routes.put("/campaigns/<key>/status")(self._set_status)

    def _show_campaigns(self) -> ResponseReturnValue:
        rows = [self._presented(each) for each in self.kept.all()][::-1]
        return jsonify({"data": {"results": rows[: int(request.args.get("per_page", 20))], "total": len(rows)}})

    def _show_campaign(self, key: str) -> ResponseReturnValue:
        found = self.kept.find(key)
        return _not_found() if found is None else jsonify({"data": self._presented(found)})

    def _change_campaign(self, key: str) -> ResponseReturnValue:
        found, content = self.kept.find(key), request.get_json(silent=True) or {}
        if found is None:
            return _not_found()
        if content.get("lists") != [each["id"] for each in self._presented(found)["lists"]]:
            return jsonify({"message": "No lists selected"}), 400
        self._times[key] = datetime.fromisoformat(str(content["send_at"]))
        return jsonify({"data": self._presented(found)})

    def _set_status(self, key: str) -> ResponseReturnValue:
        found = self.kept.find(key)
        if found is None:
            return _not_found()
        if (request.get_json(silent=True) or {}).get("status") != "scheduled" or key not in self._times:
            return jsonify({"message": "Campaign needs a date to be scheduled"}), 400
        self.kept.plan(key, self._times[key])
        return jsonify({"data": self._presented(self.kept.find(key) or found)})

    def _presented(self, campaign: PlayedCampaign) -> dict[str, Any]:
        lists = {"list": [self._list], "segment": [self._list, 1], "more": [self._list, 1], "other": [1]}
        return {
            "id": int(campaign.key),
            "created_at": campaign.made_at.isoformat(),
            "type": "regular",
            "subject": campaign.subject,
            "from_email": f"Kliniek <{SENDER}>",
            "lists": [{"id": number, "name": "Nieuwsbrief"} for number in lists[campaign.whom]],
            "status": "finished" if campaign.began_at else "scheduled" if campaign.planned_at else "draft",
            "send_at": _written(campaign.planned_at or self._times.get(campaign.key)),
            "started_at": _written(campaign.began_at),
        }


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _not_found() -> ResponseReturnValue:
    return jsonify({"message": "Campaign not found"}), 400

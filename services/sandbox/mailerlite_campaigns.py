"""MailerLite's mailings as they are played: conditions within alternatives, and zones by number."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from flask import jsonify, request

from services.sandbox.campaigns import SENDER, PlayedCampaigns

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from services.sandbox.campaigns import PlayedCampaign
    from services.sandbox.mailerlite_webhooks import MailerLiteWebhooks
    from services.sandbox.state import Stage

ZONES = {"317": ZoneInfo("Europe/Amsterdam"), "322": ZoneInfo("Europe/Berlin")}
OWN = ZoneInfo("Europe/Vilnius")  # of the account, where no zone is given
STATUSES = ("draft", "ready", "sent")


class MailerLiteCampaigns:
    """The mailings of the account, with their routes."""

    def __init__(self, stage: Stage, group: str, webhooks: MailerLiteWebhooks) -> None:
        """Start with none."""
        self.kept = PlayedCampaigns(
            stage,
            "mailerlite",
            lambda _: str(10**17 + secrets.randbelow(9 * 10**17)),
            lambda each: webhooks.tell_of_campaign(each.key, each.subject),
        )
        self._group = group

    def add_to(self, routes: Blueprint) -> None:
        """Add the routes."""
        routes.get("/timezones")(self._show_zones)
        routes.get("/campaigns")(self._show_campaigns)
        routes.get("/campaigns/<key>")(self._show_campaign)
        routes.post("/campaigns/<key>/schedule")(self._schedule)

    def _show_zones(self) -> ResponseReturnValue:
        return jsonify({"data": [{"id": number, "name": zone.key} for number, zone in ZONES.items()]})

    def _show_campaigns(self) -> ResponseReturnValue:
        status = request.args.get("filter[status]", "ready")
        page, limit = int(request.args.get("page", 1)), int(request.args.get("limit", 25))
        rows = [row for row in map(self._presented, self.kept.all()) if row["status"] == status]
        return jsonify({"data": rows[(page - 1) * limit : page * limit], "meta": {"current_page": page}})

    def _show_campaign(self, key: str) -> ResponseReturnValue:
        found = self.kept.find(key)
        return _not_found() if found is None else jsonify({"data": self._presented(found)})

    def _schedule(self, key: str) -> ResponseReturnValue:
        found = self.kept.find(key)
        if found is None:
            return _not_found()
        said = (request.get_json(silent=True) or {}).get("schedule") or {}
        zone = ZONES.get(str(said.get("timezone_id"))) if "timezone_id" in said else OWN
        try:
            at = datetime.fromisoformat(f"{said.get('date')}T{said.get('hours')}:{said.get('minutes')}")
        except ValueError:
            at = None
        if zone is None or at is None or found.began_at:
            return jsonify({"message": "The given data was invalid.", "errors": {"schedule": ["invalid"]}}), 422
        self.kept.plan(key, at.replace(tzinfo=zone))
        return jsonify({"data": self._presented(self.kept.find(key) or found)})

    def _presented(self, campaign: PlayedCampaign) -> dict[str, Any]:
        ours = _in_any("groups", self._group)
        conditions: dict[str, list[list[dict[str, Any]]]] = {
            "list": [[ours]],
            "segment": [[ours, _in_any("segments", "9")]],
            "more": [],
            "other": [[_in_any("groups", "42")]],
        }
        return {
            "id": campaign.key,
            "name": campaign.subject,
            "type": "regular",
            "status": "sent" if campaign.began_at else "ready" if campaign.planned_at else "draft",
            "filter": conditions[campaign.whom],
            "scheduled_for": _written(campaign.planned_at),
            "queued_at": _written(campaign.began_at),
            "started_at": _written(campaign.began_at),
            "finished_at": _written(campaign.began_at),
            "emails": [{"id": "1", "subject": campaign.subject, "from": SENDER, "from_name": "Kliniek"}],
        }


def _in_any(what: str, number: str) -> dict[str, Any]:
    return {"operator": "in_any", "args": [what, [number]]}


def _written(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if moment else None


def _not_found() -> ResponseReturnValue:
    return jsonify({"message": "Resource not found."}), 404

"""listmonk as it is played: questions in SQL, a PUT that takes lists away, and times that not every change sets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask import jsonify, request

from services.sandbox.entrance import entrance
from services.sandbox.listmonk_campaigns import ListmonkCampaigns

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from services.sandbox.state import Stage

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# The questions that are understood, and no others.
OF_ADDRESS = re.compile(r"LOWER\(subscribers\.email\) = LOWER\('((?:[^']|'')*)'\)")
AFTER = re.compile(r"subscribers\.id > (\d+)(?: AND (.+))?")
CHANGED = re.compile(r"\(subscriber_lists\.updated_at >= '([^']+)' OR subscribers\.updated_at >= '([^']+)'\)")


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """What a subscriber is to a list."""

    status: str
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class ListmonkSubscriber:
    """One subscriber of the installation."""

    number: int
    email: str
    name: str
    status: str
    updated_at: datetime
    lists: dict[int, Subscription] = field(default_factory=dict)


class Listmonk:
    """One installation with one list; it has no webhooks."""

    name = "listmonk"

    def __init__(self, stage: Stage) -> None:
        """Start with nobody."""
        self._stage = stage
        self._settings = stage.config.addresses[self.name]
        self._list = int(self._settings["list_id"])
        self._subscribers: dict[int, ListmonkSubscriber] = {}
        self._made = 0
        self._mailings = ListmonkCampaigns(stage, self._list)
        self.campaigns = self._mailings.kept

    def blueprint(self) -> Blueprint:
        """Return the routes under /listmonk/api."""
        routes = entrance(
            self._stage,
            self.name,
            "/listmonk/api",
            failed=lambda: error(500, "Internal Server Error"),
            busy=lambda: (*error(429, "Too many requests"), {"Retry-After": "7"}),
        )
        routes.before_request(self._closed_to_others)
        routes.get("/lists/<int:number>")(self._show_list)
        routes.get("/subscribers")(self._show)
        routes.post("/subscribers")(self._create)
        routes.put("/subscribers/lists")(self._change_lists)
        routes.put("/subscribers/<int:number>/blocklist")(self._block)
        routes.patch("/subscribers/<int:number>")(self._update)
        routes.put("/subscribers/<int:number>")(self._update)
        routes.delete("/subscribers/<int:number>")(self._delete)
        self._mailings.add_to(routes)
        return routes

    def reset(self) -> None:
        """Forget everybody."""
        with self._stage.lock:
            self._subscribers.clear()
            self.campaigns.reset()

    def members(self) -> list[dict[str, str]]:
        """Return everybody for the control calls, by what they are to the list."""
        with self._stage.lock:
            return [
                {
                    "email": each.email,
                    "state": self._subscription(each).status,
                    "first_name": each.name,
                }
                for each in self._subscribers.values()
            ]

    def act(self, act: str, email: str) -> bool:
        """Let something happen to a subscriber that is none of ours, and tell nobody. False for an unknown one."""
        with self._stage.lock:
            found = self._by_address(email)
            if found is None:
                return False
            if act == "delete":
                del self._subscribers[found.number]
            elif act == "unsubscribe":  # by the link in a mail: the subscriber's own time stays as it was
                self._keep(self._with_list(found, "unsubscribed"))
            elif act == "resubscribe":
                self._keep(replace(self._with_list(found, "confirmed"), status="enabled"))
            else:
                self._keep(self._blocked(found))
            return True

    def _closed_to_others(self) -> ResponseReturnValue | None:
        given = request.authorization
        key = (given.username, given.password) if given is not None and given.type == "basic" else None
        if key != (self._settings["api_user"], self._settings["api_key"]):
            return error(403, "invalid API credentials")
        return None

    def _show_list(self, number: int) -> ResponseReturnValue:
        if number != self._list:
            return error(400, "List not found")
        return jsonify({"data": {"id": number, "name": "Nieuwsbrief", "optin": "single"}})

    def _show(self) -> ResponseReturnValue:
        asked = request.args
        with self._stage.lock:
            rows = [each for each in self._subscribers.values() if self._is_on(each, asked)]
        found = answers_to(asked.get("query", ""), rows, self._list)
        if found is None:
            return error(400, "Error querying subscribers: syntax error")
        found.sort(key=lambda each: each.number, reverse=asked.get("order", "desc") == "desc")
        size = int(asked.get("per_page", 20))
        start = (int(asked.get("page", 1)) - 1) * size
        page = [presented(each) for each in found[start : start + size]]
        return jsonify({"data": {"results": page, "total": len(found), "per_page": size}})

    def _is_on(self, subscriber: ListmonkSubscriber, asked: Any) -> bool:
        if "list_id" not in asked:
            return True
        found = subscriber.lists.get(int(asked["list_id"]))
        return found is not None and asked.get("subscription_status", found.status) == found.status

    def _create(self) -> ResponseReturnValue:
        content = _content()
        email = str(content.get("email", "")).lower()
        if not ADDRESS.fullmatch(email) or not content.get("name"):
            return error(400, "Invalid email or name")
        with self._stage.lock:
            if self._by_address(email) is not None:
                return error(409, "Subscriber already exists")
            self._made += 1
            status = "confirmed" if content.get("preconfirm_subscriptions") else "unconfirmed"
            now = self._stage.config.clock()
            made = ListmonkSubscriber(
                number=self._made,
                email=email,
                name=str(content["name"]),
                status=str(content.get("status", "enabled")),
                updated_at=now,
                lists={number: Subscription(status=status, updated_at=now) for number in content.get("lists", ())},
            )
        self._stage.change(self.name, lambda: self._keep(made))
        return jsonify({"data": presented(made)})

    def _update(self, number: int) -> ResponseReturnValue:
        """Change what is given; a PUT also takes away every list that it does not name."""
        found, content = self._subscribers.get(number), _content()
        if found is None:
            return error(400, "Subscriber not found")
        named = set(content.get("lists", ())) if request.method == "PUT" else set(found.lists)
        changed = replace(
            found,
            email=str(content.get("email", found.email)).lower(),
            name=str(content.get("name", found.name)),
            status=str(content.get("status", found.status)),
            updated_at=self._stage.config.clock(),
            lists={number: each for number, each in found.lists.items() if number in named},
        )
        self._stage.change(self.name, lambda: self._keep(changed))
        return jsonify({"data": presented(changed)})

    def _change_lists(self) -> ResponseReturnValue:
        content = _content()
        statuses = {"add": content.get("status", "unconfirmed"), "unsubscribe": "unsubscribed"}
        if content.get("action") not in statuses or content.get("target_list_ids") != [self._list]:
            return error(400, "Invalid action")
        for number in content.get("ids", ()):
            if found := self._subscribers.get(number):
                changed = self._with_list(found, statuses[content["action"]])
                self._stage.change(self.name, lambda changed=changed: self._keep(changed))  # type: ignore[misc]
        return jsonify({"data": True})

    def _block(self, number: int) -> ResponseReturnValue:
        if found := self._subscribers.get(number):
            self._stage.change(self.name, lambda: self._keep(self._blocked(found)))
        return jsonify({"data": True})

    def _delete(self, number: int) -> ResponseReturnValue:
        self._stage.change(self.name, lambda: self._subscribers.pop(number, None))
        return jsonify({"data": True})

    def _blocked(self, subscriber: ListmonkSubscriber) -> ListmonkSubscriber:
        changed = self._with_list(subscriber, "unsubscribed")
        return replace(changed, status="blocklisted", updated_at=self._stage.config.clock())

    def _with_list(self, subscriber: ListmonkSubscriber, status: str) -> ListmonkSubscriber:
        now = Subscription(status=status, updated_at=self._stage.config.clock())
        return replace(subscriber, lists={**subscriber.lists, self._list: now})

    def _subscription(self, subscriber: ListmonkSubscriber) -> Subscription:
        return subscriber.lists.get(self._list, Subscription(status="absent", updated_at=subscriber.updated_at))

    def _keep(self, subscriber: ListmonkSubscriber) -> None:
        self._subscribers[subscriber.number] = subscriber

    def _by_address(self, email: str) -> ListmonkSubscriber | None:
        return next((each for each in self._subscribers.values() if each.email == email.lower()), None)


def answers_to(question: str, rows: list[ListmonkSubscriber], number: int) -> list[ListmonkSubscriber] | None:
    """Return whom a question is about; None for one that is not understood."""
    if match := OF_ADDRESS.fullmatch(question):
        email = match[1].replace("''", "'").lower()
        return [each for each in rows if each.email == email]
    match = AFTER.fullmatch(question)
    if match is None:
        return None
    found = [each for each in rows if each.number > int(match[1])]
    if match[2] is None:
        return found
    changed = CHANGED.fullmatch(match[2])
    if changed is None:
        return None
    lists, own = (datetime.fromisoformat(text) for text in changed.groups())
    return [each for each in found if each.updated_at >= own or each.lists[number].updated_at >= lists]


def presented(subscriber: ListmonkSubscriber) -> dict[str, Any]:
    """Write a subscriber as listmonk does."""
    return {
        "id": subscriber.number,
        "email": subscriber.email,
        "name": subscriber.name,
        "attribs": {},
        "status": subscriber.status,
        "updated_at": subscriber.updated_at.isoformat(),
        "lists": [
            {
                "id": number,
                "name": "Nieuwsbrief",
                "subscription_status": each.status,
                "subscription_updated_at": each.updated_at.isoformat(),
            }
            for number, each in subscriber.lists.items()
        ],
    }


def error(status: int, message: str) -> tuple[Any, int]:
    """Write an error as listmonk does."""
    return jsonify({"message": message}), status


def _content() -> dict[str, Any]:
    content = request.get_json(silent=True)
    return content if isinstance(content, dict) else {}

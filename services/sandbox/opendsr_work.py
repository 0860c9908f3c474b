"""What a played OpenDSR processor has and does: people, requests, and a callback for every change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from services.sandbox.webhooks import Delivery, send

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from services.sandbox.opendsr_seal import Seal
    from services.sandbox.opendsr_wire import PlayedRequest, Status
    from services.sandbox.state import Stage

STEP_SECONDS = 0.5  # theirs: days
WAITS = (0.5, 1, 2, 4, 8, 16, 32)
CONTROLLER = "a-clinic"


class Work:
    """The processor behind its counter: each request goes from pending by in_progress to completed."""

    def __init__(self, stage: Stage, name: str, seal: Seal, categories: Sequence[str]) -> None:
        """Start knowing nobody; `categories` are what it has of a person."""
        self._stage = stage
        self._name = name
        self._seal = seal
        self._categories = categories
        self._people: dict[str, set[str]] = {}
        self._requests: dict[str, PlayedRequest] = {}

    def reset(self) -> None:
        """Forget everybody."""
        with self._stage.lock:
            self._people.clear()
            self._requests.clear()

    def know(self, email: str, categories: Collection[str] | None) -> None:
        """Have data of somebody: these categories, or all there are."""
        with self._stage.lock:
            self._people.setdefault(email.strip().lower(), set()).update(categories or self._categories)

    def people(self) -> list[dict[str, Any]]:
        """Return who it really has, whatever it says."""
        with self._stage.lock:
            return [{"email": email, "categories": sorted(had)} for email, had in self._people.items()]

    def requests(self) -> list[dict[str, Any]]:
        """Return its requests, what each erased, and how many callbacks about it could not be delivered."""
        shown = ("request_id", "status", "undelivered", "erased")
        with self._stage.lock:
            return [{name: getattr(each, name) for name in shown} for each in self._requests.values()]

    def find(self, request_id: str) -> PlayedRequest | None:
        """Return a request, if it is known."""
        return self._requests.get(request_id)

    def begin(self, asked: PlayedRequest) -> bool:
        """Take a request on; False when its id was used before."""
        with self._stage.lock:
            if asked.request_id in self._requests:
                return False
            self._requests[asked.request_id] = asked
        self._tell(asked)
        self._later(self._take_up, asked)
        return True

    def cancel(self, request_id: str) -> bool:
        """Take a request back; False when it is unknown or under way."""
        with self._stage.lock:
            asked = self._requests.get(request_id)
            if asked is None or asked.status != "pending":
                return False
            self._move(asked, "cancelled")
            return True

    def _take_up(self, asked: PlayedRequest) -> None:
        if asked.status == "pending":
            self._move(asked, "in_progress")
            self._later(self._finish, asked)

    def _finish(self, asked: PlayedRequest) -> None:
        """Do it and say so; late, or say so without having done it, as the processor behaves."""
        behaviour = self._stage.takes(self._name, "change")
        if behaviour == "late":
            self._stage.background.schedule(self._stage.config.late_seconds, lambda: self._complete(asked, lie=False))
        else:
            self._complete(asked, lie=behaviour == "lie")

    def _complete(self, asked: PlayedRequest, *, lie: bool) -> None:
        with self._stage.lock:
            if not lie:
                self._erase(asked)
            self._move(asked, "completed")

    def _erase(self, asked: PlayedRequest) -> None:
        for email in [each for each in self._people if asked.is_about(each)]:
            had = self._people.pop(email)
            left = set() if asked.categories is None else had - set(asked.categories)
            asked.erased += len(had - left)
            if left:
                self._people[email] = left

    def _later(self, act: Callable[[PlayedRequest], None], asked: PlayedRequest) -> None:
        self._stage.background.schedule(STEP_SECONDS * self._stage.config.pace, lambda: act(asked))

    def _move(self, asked: PlayedRequest, status: Status) -> None:
        asked.status = status
        self._tell(asked)

    def _tell(self, asked: PlayedRequest) -> None:
        """Post the status to every address, each with its own address in it."""
        for url in asked.callback_urls:
            send(
                self._stage,
                Delivery(
                    processor=self._name,
                    url=url,
                    body=written({**status_of(asked), "status_callback_url": url}),
                    headers=lambda body: self._seal.headers(body, asked.version),
                    waits=WAITS,
                    accepts=lambda status: 200 <= status < 300,
                    gave_up=lambda: self._missed(asked),
                ),
            )

    def _missed(self, asked: PlayedRequest) -> None:
        with self._stage.lock:
            asked.undelivered += 1


def status_of(asked: PlayedRequest) -> dict[str, Any]:
    """Return what is said of a request, with nulls where it has nothing to say."""
    return {
        "controller_id": CONTROLLER,
        "expected_completion_time": asked.expected_at.isoformat(),
        "subject_request_id": asked.request_id,
        "request_status": asked.status,
        "api_version": "2.0" if asked.version > 1 else "1.0",
        "results_url": None,
        "results_count": None,
    }


def written(content: Mapping[str, Any]) -> bytes:
    """Write JSON once: what is signed is what is sent, byte by byte."""
    return json.dumps(content).encode()

"""What is there after everything is well again, held against what people were told. The words are Jepsen's."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.e2e.running import RunningSystem
from tests.faults.kills.mailbox import Mailbox
from tests.faults.kills.visitors import Person, Staff, Visitors

DESK, COORDINATOR = "front-desk", "privacy-coordinator"


@dataclass
class Findings:
    """Counts of a run, and in words whatever should be nought."""

    attempted: int = 0
    acknowledged: int = 0
    recovered: int = 0
    """Nobody was told yes, and it was done all the same: the answer was lost, not the act."""
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    resurrected: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    def note(self, what: str, *, tried: bool, told: bool, there: int) -> None:
        """Note one thing that somebody wanted to happen once."""
        self.attempted += tried
        self.acknowledged += told
        self.recovered += tried and not told and there == 1
        if told and not there:
            self.lost.append(what)
        if there > 1:
            self.duplicated.append(what)
        if there and not tried:
            self.unexpected.append(what)

    @property
    def faults(self) -> list[str]:
        """Return what should not be, each with its word."""
        words = ("lost", "duplicated", "resurrected", "unexpected")
        return [f"{word}: {what}" for word in words for what in getattr(self, word)]

    def __str__(self) -> str:
        counts = {word: len(getattr(self, word)) for word in ("lost", "duplicated", "resurrected", "unexpected")}
        known = {"attempted": self.attempted, "acknowledged": self.acknowledged, "recovered": self.recovered}
        return " ".join(f"{word}={count}" for word, count in (known | counts).items())


class Judge:
    """Looks at a whole system through its own front door, and at the programme's; not at what was there before."""

    def __init__(self, system: RunningSystem, mailbox: Mailbox, visitors: Visitors, staff: Staff) -> None:
        """Come before the first visitor does."""
        self._system, self._mailbox, self._visitors, self._staff = system, mailbox, visitors, staff
        self._earlier: frozenset[str] = frozenset()
        self._earlier = frozenset(each["id"] for each in (*self._forms(), *self.decisions()))

    def is_at_rest(self) -> bool:
        """Tell whether every decision that was taken is closed and everything that was confirmed has arrived."""
        self._mailbox.look()
        kept = {word for word, count in self._mailbox.confirmations.items() if count}
        told = [each for each in self._visitors.people if "sign-up" in each.told]
        if any(each.email not in kept for each in told):
            return False
        if any(not self._mailbox.about_forms[each["id"]] for each in self._forms()):
            return False
        members = self._system.members()
        confirmed = [each for each in self._visitors.people if "confirm" in each.told]
        decisions = list(self.decisions())
        left = sum("unsubscribe" in each.told for each in self._visitors.people)
        return (
            all(self._is_settled(each, members) for each in confirmed)
            and sum(each["kind"] == "unsubscribe" for each in decisions) >= left
            and all(each["state"] == "closed" for each in decisions)
        )

    def judge(self) -> Findings:
        """Compare what is there with what people were told."""
        findings = Findings(unexpected=[*self._visitors.unexpected, *self._staff.unexpected])
        self._judge_forms(findings)
        self._judge_subscriptions(findings)
        self._judge_decisions(findings, list(self.decisions()))
        return findings

    def _judge_forms(self, findings: Findings) -> None:
        forms = {each["id"]: each["reference"] for each in self._forms()}
        senders = Counter(self._sender(form) for form in forms)
        for person in self._visitors.people:
            there = senders.pop(person.email, 0)
            known = {"tried": "form" in person.tried, "told": "form" in person.told}
            findings.note("a form", there=there, **known)
            if (reference := person.told.get("form")) and reference not in forms.values():
                findings.lost.append("a form under its reference")
        findings.unexpected += ["a form of nobody"] * len(senders)
        for form in forms:
            findings.note("the mail about a form", tried=True, told=True, there=self._mailbox.about_forms[form])

    def _judge_subscriptions(self, findings: Findings) -> None:
        members = self._system.members()
        for person in (each for each in self._visitors.people if "sign-up" in each.tried):
            states = [each["state"] for each in self._subscriptions(person)]
            if person.email in self._staff.decided:
                if states or person.email in members:
                    findings.resurrected.append(f"a subscription: {states}")
                continue
            findings.note("a sign-up", tried=True, told="sign-up" in person.told, there=len(states))
            if self._mailbox.confirmations[person.email] > person.tried["sign-up"]:
                findings.duplicated.append("the mail that asks to confirm")
            self._judge_consent(findings, person, states, members)

    def _judge_consent(self, findings: Findings, person: Person, states: list[str], members: dict[str, str]) -> None:
        left = "ended" in states
        if "confirm" in person.tried:
            there = int(left or self._is_member(person, members))
            findings.note("a confirmation", tried=True, told="confirm" in person.told, there=there)
        if "unsubscribe" in person.tried:
            findings.note("an unsubscribe", tried=True, told="unsubscribe" in person.told, there=int(left))
            if "unsubscribe" in person.told and self._is_member(person, members):
                findings.resurrected.append("a member at the programme who had left")

    def _judge_decisions(self, findings: Findings, decisions: list[dict[str, Any]]) -> None:
        """Every end of a subscription is one decision, every erasure is one, and all of them are answered."""
        ended = sum("ended" in [one["state"] for one in self._subscriptions(each)] for each in self._leavers())
        unsubscribed = sum(each["kind"] == "unsubscribe" for each in decisions)
        if unsubscribed < ended:
            findings.lost += ["the decision of an unsubscribe"] * (ended - unsubscribed)
        if unsubscribed > ended:
            findings.duplicated += ["the decision of an unsubscribe"] * (unsubscribed - ended)
        for case in self._staff.decided.values():
            there = sum(1 for _ in self.decisions(kind="erasure", case=case))
            findings.note("an erasure", tried=True, told=True, there=there)
        for each in decisions:
            if each["state"] != "closed" or each["answered"] != each["expected"]:
                findings.lost.append(f"an answer to a decision: {each['kind']}")

    def _leavers(self) -> Iterator[Person]:
        return (each for each in self._visitors.people if "unsubscribe" in each.tried)

    def _is_settled(self, person: Person, members: dict[str, str]) -> bool:
        if person.email in self._staff.decided or "unsubscribe" in person.told:
            return not self._is_member(person, members)
        return "unsubscribe" in person.tried or self._is_member(person, members)

    @staticmethod
    def _is_member(person: Person, members: dict[str, str]) -> bool:
        return members.get(person.email) == "active"

    def _forms(self) -> Iterator[dict[str, Any]]:
        return self._pages("GET", "/intake/v1/contact-forms", DESK)

    def decisions(self, **wanted: str) -> Iterator[dict[str, Any]]:
        """Yield every decision, the latest first."""
        return self._pages("POST", "/requests/v1/decisions/search", COORDINATOR, json=wanted)

    def _pages(self, method: str, path: str, role: str, **options: Any) -> Iterator[dict[str, Any]]:
        cursor = None
        while True:
            params = {"limit": "100"} | ({"cursor": cursor} if cursor else {})
            answer = self._ask(method, path, role, params=params, **options)
            yield from (each for each in answer.json()["items"] if each["id"] not in self._earlier)
            if not (cursor := answer.json()["next"]):
                return

    def _sender(self, form: str) -> str:
        return str(self._ask("GET", f"/intake/v1/contact-forms/{form}", DESK).json()["email"])

    def _subscriptions(self, person: Person) -> list[dict[str, Any]]:
        search = {"email": person.email}
        return self._ask("POST", "/newsletter/v1/subscriptions/search", DESK, json=search).json()["items"]

    def _ask(self, method: str, path: str, role: str, **options: Any) -> requests.Response:
        """Ask as staff; an edge lets nobody ask as often as a judge would like to."""
        while (answer := self._system.call(method, path, role=role, **options)).status_code == 429:
            time.sleep(0.2)
        assert answer.status_code == 200, answer.text
        return answer

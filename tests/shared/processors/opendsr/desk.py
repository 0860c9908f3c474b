"""A service that faces one processor by OpenDSR, and what comes and goes between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from services.sandbox.authority import Signer
from shared.auth import Principal
from shared.processors.by_hand import by_hand_tasks
from shared.processors.interface import Outcome, ProcessorTask, SubjectIdentifiers
from shared.processors.opendsr import OpenDsr, opendsr_announcements, opendsr_requests
from shared.processors.opendsr.api import api
from shared.service import Tools
from shared.web.app import build_app
from shared.web.mounts import Mount
from tests.kit.installation import Hands, Installation, bare_service
from tests.kit.opendsr import SIGNER, ScriptedProcessor, headers, scripted, status

EMAIL = "Sanne.Jansen@voorbeeld.example"
OURS = "http://127.0.0.1:8000/intake/v1/opendsr/callbacks"
HOST = {
    "name": "Webhuis",
    "role": "website-host",
    "owner": "intake",
    "status": "active",
    "adapter": "opendsr",
    "receives": [{"category": "contact-forms", "fields": ["name", "email", "message"]}],
    "decisions": ["erasure", "term-end", "correction", "restriction"],
    "always": False,
    "agreement": {"signed": "2024-06-03", "ends": None, "sub_processors": []},
    "country": "NL",
    "transfer_ground": "none",
    "contact": {"name": "W. Webhuis", "email": "privacy@webhuis.example"},
    "answer_within": "P7D",
}


@dataclass
class Desk:
    """The service, the processor, a way in for callbacks, and the clock."""

    home: Path
    tools: Tools
    clock: Hands
    browser: FlaskClient
    processor: ScriptedProcessor

    def carry_out(self, **parts: Any) -> Outcome:
        """Do what the obligation worker does."""
        return OpenDsr(self.tools, self.tools.register.get("website-host")).carry_out(task(**parts))

    def row(self) -> Any:
        """Return the last request."""
        with self.tools.database.reading() as session:
            query = sa.select(opendsr_requests).order_by(opendsr_requests.c.number.desc())
            return session.execute(query).mappings().first()

    def by_hand(self) -> list[Any]:
        """Return the tasks that its contact got."""
        with self.tools.database.reading() as session:
            return list(session.execute(sa.select(by_hand_tasks)).mappings())

    def call_back(
        self, said: str | bytes, signer: Signer = SIGNER, *, sent: bytes | None = None, **more: Any
    ) -> TestResponse:
        """Post a callback: a status or a whole body, signed; ``sent`` is what arrives instead of what was signed."""
        signing = {name: more.pop(name) for name in ("domain", "prefix") if name in more}
        if isinstance(said, str):
            said = status(self.row()["id"], said, **({"status_callback_url": OURS} | more))
        signed = headers(said, signer, **signing)
        return self.browser.post("/intake/v1/opendsr/callbacks", data=said if sent is None else sent, headers=signed)

    def asked(self) -> str:
        """Have the request sent, some time ago; return its id."""
        self.carry_out()
        self.age(minutes=5)
        self.processor.calls.clear()
        return str(self.row()["id"])

    def age(self, **span: float) -> None:
        """Let what the processor announced be older."""
        table = opendsr_announcements
        with self.tools.database.transaction() as session:
            fetched = session.scalar(sa.select(table.c.fetched_at))
            assert fetched
            session.execute(sa.update(table).values(fetched_at=fetched - timedelta(**span)))


def task(**parts: Any) -> ProcessorTask:
    """Return the task of an obligation."""
    usual: dict[str, Any] = {
        "decision_id": "decision-1",
        "action": "erasure",
        "subject": SubjectIdentifiers(email=EMAIL, name="Sanne Jansen"),
        "idempotency_key": "intake-1",
        "requested_at": datetime(2026, 11, 1, 9, 30, tzinfo=UTC),
        "categories": ("contact-forms",),
    }
    return ProcessorTask(**usual | parts)


def _believe(token: str, _now: datetime) -> Principal:
    return Principal(subject="somebody", roles=frozenset({token}), issuer="console")


def open_desk(
    tmp_path: Path, environ: dict[str, str] | None = None, settings: dict[str, str] | None = None, **host: Any
) -> Iterator[Desk]:
    """Set one up; ``settings`` and ``host`` change what the register says."""
    with scripted() as processor:
        register = tmp_path / "processors.yaml"
        said = {**HOST, "settings": {**processor.settings, **(settings or {})}, **host}
        beside = {**HOST, "role": "mail-host", "adapter": "by_hand"}
        everybody = {"processors": {"mail-host": beside, "website-host": said}}
        register.write_text(yaml.safe_dump(everybody), encoding="utf-8")
        installation = Installation(
            tmp_path / "home",
            {"intake": bare_service("intake")},
            environ={"DISCREET_PROCESSORS": str(register), **(environ or {})},
        )
        tools = installation.tools["intake"]
        app = build_app([Mount(name="intake", tools=tools, apis=[api], authenticate=_believe)], limits=None)
        yield Desk(tmp_path / "home", tools, installation.clock, app.test_client(), processor)
        installation.close()

"""The requests service as staff and visitors meet it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from services import registry
from services.web import service_mount
from shared.keys import KeyStore
from shared.web.app import build_app
from tests.kit.installation import Installation, bare_service
from tests.services.requests.clinic import REGISTER, ClaimsOnApp, Clinic, Webhuis, holding, metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    """Three services that hold one category each, and the requests service over HTTP."""
    with open_clinic(tmp_path, {}) as made:
        yield made


@pytest.fixture
def clinic_on_postgresql(tmp_path: Path, postgres_environ: Callable[[], dict[str, str]]) -> Iterator[Clinic]:
    """The same on PostgreSQL."""
    with open_clinic(tmp_path, postgres_environ()) as made:
        yield made


@contextmanager
def open_clinic(home: Path, environ: Mapping[str, str], processors: str = REGISTER) -> Iterator[Clinic]:
    """Put a clinic together."""
    register = home / "processors.yaml"
    register.write_text(processors)
    installation = Installation(
        home,
        services={
            "intake": bare_service(
                "intake",
                metadata=metadata,
                holdings=(holding("contact-forms"),),
                adapters={"fake": lambda tools, processor: Webhuis()},
            ),
            "dossier": bare_service("dossier", metadata=metadata, holdings=(holding("reports"), holding("invoices"))),
            "newsletter": bare_service("newsletter", metadata=metadata, holdings=(holding("subscriptions"),)),
            "requests": registry.load("requests"),
        },
        environ={"DISCREET_PROCESSORS": str(register), **environ},
    )
    app = build_app([service_mount("requests", installation.tools["requests"])], limits=None)
    made = Clinic(installation, app.test_client(), KeyStore(installation.settings.keys))
    for name, tools in installation.tools.items():
        installation.tools[name] = replace(tools, claims=ClaimsOnApp(made, name))
    yield made
    installation.close()

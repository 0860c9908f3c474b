"""The sandbox as one Flask program: the processors it plays, and the calls that steer them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask

from services.sandbox.brevo import Brevo
from services.sandbox.control import Control
from services.sandbox.laposta import Laposta
from services.sandbox.listmonk import Listmonk
from services.sandbox.mailchimp import Mailchimp
from services.sandbox.mailerlite import MailerLite
from services.sandbox.opendsr import OpenDsrPlayer
from services.sandbox.opendsr_strings import opendsr_strings
from services.sandbox.state import Newsletter, Player, SandboxConfig, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping


CRM_HAS = ("clients", "appointments", "reports", "notes", "quotes", "invoices")


def create_sandbox(config: SandboxConfig) -> Flask:
    """Return the program; its shared state is `app.extensions["sandbox"]`."""
    stage = Stage(config)
    newsletters: tuple[Newsletter, ...] = tuple(
        plays(stage) for plays in (Laposta, Mailchimp, Brevo, MailerLite, Listmonk)
    )
    opendsr = (
        OpenDsrPlayer(stage, "medical-crm", formats=("raw", "sha256"), categories=CRM_HAS),
        # It is told of everybody, so it takes addresses in no form that it could read.
        OpenDsrPlayer(stage, "website-host", formats=("sha256",), categories=("contact-forms",)),
    )
    everybody: tuple[Player, ...] = (*newsletters, *opendsr)
    wanted = config.plays
    players: Mapping[str, Player] = {each.name: each for each in everybody if wanted is None or each.name in wanted}
    app = Flask("services.sandbox", static_folder=None)
    app.extensions["sandbox"] = stage
    for player in players.values():
        app.register_blueprint(player.blueprint())
    app.register_blueprint(Control(stage, players, {player.name: player for player in newsletters}).blueprint())
    app.register_blueprint(opendsr_strings({player.name: player for player in opendsr}))
    app.get("/healthz")(lambda: {"status": "ok"})
    return app

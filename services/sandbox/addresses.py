"""Where the sandbox's processors are and what opens them, written down once for the register's `sandbox:` settings."""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING, TypeAlias

from services.sandbox.authority import new_authority
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Addresses: TypeAlias = "Mapping[str, Mapping[str, str]]"
"""By processor, the settings an adapter needs to reach it, under the adapter's own names for them."""

FILE = "sandbox.json"


def addresses(port: int) -> Addresses:
    """Return addresses on this port, with new keys and secrets."""
    origin = f"http://127.0.0.1:{port}"
    opendsr = {name: _opendsr(name, origin) for name in ("medical-crm", "website-host")}
    return {
        "laposta": {
            "base_url": f"{origin}/laposta/v2",
            "api_key": secrets.token_urlsafe(24),
            "list_id": secrets.token_hex(5),
            "url_secret": secrets.token_urlsafe(24),
            "webhook_secret": secrets.token_urlsafe(24),
            "webhook_mode": "both",
        },
        "mailchimp": {
            "base_url": f"{origin}/mailchimp/3.0",
            "api_key": f"{secrets.token_hex(16)}-us0",
            "list_id": secrets.token_hex(5),
            "url_secret": secrets.token_urlsafe(24),
            "webhook_secret": secrets.token_urlsafe(24),
            "webhook_mode": "both",
        },
        "brevo": {
            "base_url": f"{origin}/brevo/v3",
            "api_key": f"xkeysib-{secrets.token_hex(16)}",
            "list_id": str(2 + secrets.randbelow(2**30)),
            "url_secret": secrets.token_urlsafe(24),
            "webhook_secret": secrets.token_urlsafe(24),
            "webhook_mode": "both",
        },
        "mailerlite": {
            "base_url": f"{origin}/mailerlite/api",
            "api_key": secrets.token_urlsafe(48),
            "list_id": str(10**17 + secrets.randbelow(9 * 10**17)),  # more digits than a JavaScript number has
            "url_secret": secrets.token_urlsafe(24),
            "webhook_secret": secrets.token_hex(5),
            "webhook_mode": "both",
        },
        "listmonk": {
            "base_url": f"{origin}/listmonk/api",
            "api_user": "discreet",
            "api_key": secrets.token_urlsafe(24),
            "list_id": str(2 + secrets.randbelow(2**30)),
        },
        **opendsr,
    }


def _opendsr(name: str, origin: str) -> Mapping[str, str]:
    """Return what reaches and proves a processor that speaks OpenDSR.

    Its address is on this machine, which no certificate names, so it has a domain beside it. That ends in
    `.localhost`, which belongs to nobody (RFC 6761), and is compared and never looked up.
    """
    return {
        "base_url": f"{origin}/{name}/v2",
        "domain": f"{name}.localhost",
        "token": secrets.token_urlsafe(24),
        **new_authority(f"Authority of {name}"),
    }


def prepare(home: Path, port: int) -> Addresses:
    """Return the addresses of this installation's sandbox, and write them to `sandbox.json` (0600).

    What an earlier start made is kept, so that a restarted sandbox opens to the same keys; only the
    port is the one given.
    """
    fresh, kept = addresses(port), load(home)
    merged = {
        name: {**settings, **kept.get(name, {}), "base_url": settings["base_url"]} for name, settings in fresh.items()
    }
    _write(home / FILE, json.dumps(merged, indent=2, sort_keys=True))
    return merged


def load(home: Path) -> Addresses:
    """Return the addresses as written, or none. Raises ConfigurationError when the file is damaged."""
    try:
        content = json.loads((home / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        content = None
    if not isinstance(content, dict) or not all(isinstance(settings, dict) for settings in content.values()):
        raise ConfigurationError(f"{FILE} in DISCREET_HOME is damaged: remove it and start again.")
    return content


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)

"""What a start prints: where to look and how to sign in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.settings import Settings


def text(settings: Settings) -> str:
    """Return the lines; a trial also says where its accounts and mails are."""
    lines = [f"Discreet is ready ({settings.mode}).", f"  console   {settings.public_url}/console/"]
    if settings.mode == "trial":
        accounts = settings.home / "console" / "trial-accounts.txt"
        lines += [
            "  accounts  " + "\n            ".join(accounts.read_text(encoding="utf-8").splitlines())
            if accounts.exists()
            else f"  accounts  {accounts}",
            f"  contact   {settings.public_url}/intake/contact",
            f"  sign-up   {settings.public_url}/newsletter/sign-up",
            f"  request   {settings.public_url}/requests/",
            f"  privacy   {settings.public_url}/privacy",
            f"  mail      {settings.public_url}/console/mail",
            "  PROEFOMGEVING: nothing here reaches a real processor. In a second terminal: .venv/bin/discreet demo",
        ]
    return "\n".join(lines)

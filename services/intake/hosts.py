"""Who is given contact forms beside us, by the register: the hosts of the clinic's mail and of its website."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.intake.records import CATEGORY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from shared.propagation.register import Processor, Register

MAIL_HOST = "mail-host"


def mail_hosts(register: Register) -> list[Processor]:
    """Return those that mail about forms passes."""
    return [each for each in _hosts(register) if each.role == MAIL_HOST]


def website_hosts(register: Register) -> list[Processor]:
    """Return those that may have had a form before we did."""
    return [each for each in _hosts(register) if each.role != MAIL_HOST]


def may_get_the_text(hosts: Sequence[Processor], day: date) -> bool:
    """Tell whether mail may carry what was written: its host is on the register (P3) with an agreement (P46).

    Where there are more hosts, each of them.
    """
    return bool(hosts) and all(each.may_receive(day) for each in hosts)


def _hosts(register: Register) -> list[Processor]:
    active = [each for each in register.of_owner("intake") if each.status == "active"]
    return [each for each in active if any(given.category == CATEGORY for given in each.receives)]

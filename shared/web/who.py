"""Who may call a route: said by every route, guessed by none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.errors import ForbiddenError

if TYPE_CHECKING:
    from shared.auth import Principal, Role


@dataclass(frozen=True, slots=True)
class Who:
    """The roles that may call; with ``anyone``, also a caller without a token."""

    roles: frozenset[Role]
    anyone: bool = False

    def __or__(self, other: Who) -> Who:
        """Allow both: ``PUBLIC | Staff("front-desk")`` is a route where a token is welcome and not needed."""
        return Who(self.roles | other.roles, self.anyone or other.anyone)

    def admit(self, principal: Principal) -> None:
        """Raise ForbiddenError unless one of the principal's roles may call."""
        if not self.roles & principal.roles:
            raise ForbiddenError("Your role may not do this.")


PUBLIC = Who(frozenset(), anyone=True)
SERVICES = Who(frozenset({"service"}))


def Staff(*roles: Role) -> Who:  # noqa: N802 - reads as a kind of caller
    """Staff with one of these roles, or tools of theirs where ``tool`` is among them."""
    if not roles:
        raise TypeError("Staff() without a role would admit nobody: name the roles")
    return Who(frozenset(roles))

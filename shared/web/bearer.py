"""Who calls: the token in Authorization, and for a tool on whose behalf and why."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flask import request

from shared.errors import InvalidInputError, UnauthenticatedError

if TYPE_CHECKING:
    from datetime import datetime

    from shared.auth import Principal
    from shared.web.mounts import Mount
    from shared.web.routes import Route

LONGEST = 200


def visitor_of(route: Route, mount: Mount, now: datetime) -> Principal | None:
    """Return who calls, admitted to the route; None where nobody needs to say.

    A route that is only public does not look: the Authorization a provider sends there is its own.
    Raises UnauthenticatedError or ForbiddenError.
    """
    if not route.who.roles:
        return None
    given = request.headers.get("Authorization")
    if given is None and route.who.anyone:
        return None
    scheme, _, token = (given or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise UnauthenticatedError("This needs a token: Authorization: Bearer …")
    principal = mount.authenticate(token.strip(), now)
    route.who.admit(principal)
    return _acting_for(principal) if "tool" in principal.roles else principal


def _acting_for(principal: Principal) -> Principal:
    return replace(principal, on_behalf_of=_said("On-Behalf-Of"), purpose=_said("Purpose"))


def _said(name: str) -> str | None:
    said = request.headers.get(name)
    if said is not None and not (0 < len(said) <= LONGEST and said.isprintable()):
        raise InvalidInputError({name: [f"Not 1 to {LONGEST} printable characters."]})
    return said

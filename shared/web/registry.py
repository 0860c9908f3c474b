"""Every route of the mounted services in one list: for the app, the descriptions and the test of routes by roles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.web.health import about_origin, about_service

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shared.web.mounts import Mount
    from shared.web.routes import Api, Route


@dataclass(frozen=True, slots=True)
class Mounted:
    """A route where it can be called: ``path`` is the whole path, with Flask's ``<names>``."""

    mount: Mount
    api: Api
    route: Route

    @property
    def path(self) -> str:
        """The path on the origin."""
        return self.route.rule if self.api.at_root else f"/{self.mount.name}{self.route.rule}"

    @property
    def endpoint(self) -> str:
        """A name that is unique on the app, also when two services call their views the same."""
        return f"{self.route.method} {self.path}"


def mounted_routes(mounts: Sequence[Mount], asyncapi: Callable[[], Mapping[str, Any]] | None = None) -> list[Mounted]:
    """List every route of these services and of the origin. Raises ValueError where two have one path."""
    routes = [route for mount in mounts for route in _of_service(mount)]
    origin = about_origin(mounts, asyncapi)
    routes += [Mounted(mounts[0], origin, route) for route in origin.routes]
    endpoints = [mounted.endpoint for mounted in routes]
    if twice := {endpoint for endpoint in endpoints if endpoints.count(endpoint) > 1}:
        raise ValueError(f"declared more than once: {', '.join(sorted(twice))}")
    return routes


def _of_service(mount: Mount) -> list[Mounted]:
    routes: list[Mounted] = []
    about = about_service(mount, lambda: routes)
    routes += [Mounted(mount, api, route) for api in (*mount.apis, about) for route in api.routes]
    return routes

"""The clinic's websites: where its forms stand, where a visitor goes next, and how a site's own server is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FORMS = ("contact", "newsletter")
Bringer = Literal["site-server", "program", "site-page", "our-page", "unknown"]
"""Who brought a form: a site's server, which signed it; another program, as a site's server is one; a browser on a page
of the site or of ours; or nobody can tell, since a browser hides where it was. Only a signature is proof against a
program, which writes into its headers what it likes."""
SHORTEST_KEY = 32
NAME = validate.Regexp(r"[a-z][a-z0-9-]{0,39}\Z", error="Not a name in lower case.")
PREFIX = validate.Length(2, 40, error="A prefix has 2 to 40 characters: a shorter one would hit our own fields.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One website.

    ``origins`` are those its pages stand on (RFC 6454, without a slash at the end). ``thanks`` is where a browser
    goes after a form, by form. Fields whose names begin with one of ``ignores`` are the site's own and are dropped.
    ``frames``: our pages may stand in a frame of it. ``needs_token``: a form without a token is not taken.
    ``proof_of_work``: a visitor's browser does some work first, see ``shared.web.proof_of_work``.
    ``server_key_file`` holds what the site's server signs with, if it passes forms on. ``host_keeps_copies``: the
    website's host has each form that was filled in on the site, also where a browser sent it to us.
    """

    id: str
    origins: Sequence[str]
    thanks: Mapping[str, str]
    ignores: Sequence[str] = ()
    frames: bool = False
    needs_token: bool = False
    proof_of_work: bool = False
    server_key_file: Path | None = field(default=None, repr=False)
    host_keeps_copies: bool = False

    def server_key(self) -> bytes:
        """Return what the site's server signs with. Raises ConfigurationError when there is none, or a short one."""
        if self.server_key_file is None:
            raise ConfigurationError(f"The site {self.id} has no server key.")
        try:
            key = self.server_key_file.read_bytes().strip()
        except OSError as error:
            raise ConfigurationError(f"The server key of the site {self.id} cannot be read.") from error
        if len(key) < SHORTEST_KEY:
            raise ConfigurationError(f"The server key of the site {self.id} has fewer than {SHORTEST_KEY} characters.")
        return key


class SiteSchema(Schema):
    """One website in the policy."""

    origins = fields.List(fields.String(), required=True, validate=validate.Length(1, 10))
    thanks = fields.Dict(keys=fields.String(validate=validate.OneOf(FORMS)), values=fields.String(), load_default=dict)
    ignores = fields.List(fields.String(validate=PREFIX), load_default=list)
    frames = fields.Boolean(load_default=False)
    form_token_required = fields.Boolean(load_default=False)
    proof_of_work = fields.Boolean(load_default=False)
    server_key_file = fields.String()
    host_keeps_copies = fields.Boolean(load_default=False)

    @validates_schema
    def check(self, said: Mapping[str, Any], **_options: Any) -> None:
        """Origins are origins, and a visitor is sent on only to a page of the site itself."""
        if wrong := [each for each in said["origins"] if not is_origin(each)]:
            raise ValidationError({"origins": [f"Not an origin such as https://www.clinic.example: {wrong[0]}"]})
        for form, address in said["thanks"].items():
            if origin_of(address) not in said["origins"]:
                raise ValidationError({"thanks": [f"{form}: not on one of the site's origins."]})


def sites_field() -> fields.Dict:
    """Return the field of the policy that names the sites."""
    return fields.Dict(keys=fields.String(validate=NAME), values=fields.Nested(SiteSchema), load_default=dict)


def sites_of(said: Mapping[str, Mapping[str, Any]], folder: Path) -> dict[str, Site]:
    """Return the sites of a checked policy; files are named from where the policy lies.

    Raises ValidationError where two sites have one origin.
    """
    sites: dict[str, Site] = {}
    taken: dict[str, str] = {}
    for name, site in said.items():
        for origin in site["origins"]:
            if taken.setdefault(origin, name) != name:
                raise ValidationError({f"sites.{name}": [f"{origin} is an origin of {taken[origin]} already."]})
        file = site.get("server_key_file")
        sites[name] = Site(
            id=name,
            origins=tuple(site["origins"]),
            thanks=site["thanks"],
            ignores=tuple(site["ignores"]),
            frames=site["frames"],
            needs_token=site["form_token_required"],
            proof_of_work=site["proof_of_work"],
            server_key_file=folder / file if file else None,
            host_keeps_copies=site["host_keeps_copies"],
        )
    return sites


def is_origin(text: str) -> bool:
    """Tell whether this is a web origin: https, or http on this machine for a trial."""
    return origin_of(text) == text


def origin_of(address: str) -> str | None:
    """Return the origin of an address, or None for what is none of a website."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    local = host in ("127.0.0.1", "localhost")
    if not host or parts.username is not None or parts.scheme not in (("https", "http") if local else ("https",)):
        return None
    standard = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, standard) else "")

"""What the register says about a processor that speaks OpenDSR."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import urlsplit

from cryptography import x509

from shared.errors import ConfigurationError
from shared.processors.http import is_loopback
from shared.processors.settings import settings_from

if TYPE_CHECKING:
    from shared.propagation.register import Processor

Padding = Literal["pkcs1v15", "pss"]
CHOICES = {"padding": ("pkcs1v15", "pss"), "identity_format": ("", "raw", "sha256"), "scope": ("person", "categories")}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDsrSettings:
    """What the register says; secrets are the content of their files.

    ``base_url`` includes the version, as in ``https://opendsr.crm.example/v2``. ``authority`` is PEM: whoever
    issues this processor's certificates, and nobody else is believed. ``domain`` is what they name: the host of
    ``base_url``, but for a processor on this machine, which has an address and no name. ``identity_format`` is
    used where the processor announces several. ``scope`` is what it erases: everything of a person, or, where
    it reads our extension, the categories of data that a decision is about.
    """

    base_url: str
    authority: str = field(repr=False)
    domain: str = ""
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    requests_path: str = "requests"
    padding: Padding = "pkcs1v15"
    identity_format: Literal["", "raw", "sha256"] = ""
    scope: Literal["person", "categories"] = "person"
    connect_seconds: float = 5.0
    read_seconds: float = 20.0

    @classmethod
    def of(cls, processor: Processor) -> Self:
        """Read what the register says of a processor. Raises ConfigurationError."""
        settings = settings_from(cls, {"domain": _host(processor), **processor.settings})
        for name, choices in CHOICES.items():
            if getattr(settings, name) not in choices:
                raise ConfigurationError(f"The setting {name} must be one of: {', '.join(filter(None, choices))}.")
        if settings.domain != _host(processor) and not is_loopback(_host(processor)):
            raise ConfigurationError("The setting domain must be the host of base_url.")
        _check_authority(settings.authority)
        return settings


def _host(processor: Processor) -> str:
    return urlsplit(str(processor.settings.get("base_url", ""))).hostname or "-"


def _check_authority(pem: str) -> None:
    try:
        x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise ConfigurationError("The setting authority holds no certificate in PEM.") from error

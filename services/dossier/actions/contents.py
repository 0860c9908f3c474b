"""What is sealed of a client, and what is found by it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from services.dossier import records, rules
from shared.errors import InvalidInputError
from shared.identity import normalise_email, normalise_phone
from shared.vault import Sealed
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from services.dossier.records import Client, Contact, Invoice
    from shared.service import Tools

ADDRESS = ("street", "postal_code", "city", "country")
FIELDS = ("name", "first_name", "last_name", "email", "phone", "birth_date", *ADDRESS)
FOUND_BY = ("name", "first_name", "last_name", "email", "phone", "birth_date")
NAMELESS = Both("Een cliënt heeft een naam.", "A client has a name.")


def content_of(said: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a client's content: what is said over what was, address and number in their one form.

    A name of which only the parts are said is put together from them. Raises InvalidInputError for an address
    or a number that cannot be one, and for a client without any name.
    """
    before = before or dict.fromkeys(FIELDS)
    content = {field: said.get(field, before[field]) for field in FIELDS}
    parts = [content["first_name"], content["last_name"]]
    renamed = "name" not in said and (said.keys() & {"first_name", "last_name"})
    content["name"] = rules.full_name(None if renamed else content["name"], parts)
    if not content["name"]:
        raise InvalidInputError({"name": [NAMELESS]})
    if content["email"]:
        content["email"] = normalise_email(content["email"])
    if content["phone"]:
        content["phone"] = normalise_phone(content["phone"])
    if isinstance(content["birth_date"], date):
        content["birth_date"] = content["birth_date"].isoformat()
    return content


def open_content(tools: Tools, record: Client | Contact | Invoice) -> dict[str, Any]:
    """Return what is sealed of a record. Raises KeyDestroyedError."""
    return tools.vault.open(record.id, Sealed(record.key_id, record.sealed))


def seal_content(session: Session, tools: Tools, client: Client, content: Mapping[str, Any]) -> None:
    """Seal the content under a new key; the old one goes with the transaction, so that backups cannot be read."""
    old = client.key_id
    sealed = tools.vault.seal(client.id, content)
    client.sealed, client.key_id = sealed.ciphertext, sealed.key_id
    if old:
        tools.vault.destroy_after_commit(session, [old])


def index(session: Session, tools: Tools, client: Client, content: Mapping[str, Any]) -> None:
    """Have a client found by any part of what is sealed."""
    records.put_tokens(session, client.id, tools.keys.index.tokens(*texts_of(content)))


def texts_of(content: Mapping[str, Any]) -> list[str]:
    """Return the texts that a search looks in."""
    return [content[field] for field in FOUND_BY if content[field]]


def refs_of(tools: Tools, content: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the references of a client's address and number."""
    email, phone = content["email"], content["phone"]
    return tools.refs.email(email) if email else None, tools.refs.phone(phone) if phone else None


def known(refs: Sequence[str | None]) -> list[str]:
    """Return those references that there are."""
    return [ref for ref in refs if ref]

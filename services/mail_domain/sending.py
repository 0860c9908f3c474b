"""Who may send in the clinic's name, as receivers look it up: SPF and DMARC (P54)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.findings import look, well
from services.mail_domain.names import tags_of
from services.mail_domain.spf import record_of, says_of_others
from shared.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from services.findings import Finding
    from services.mail_domain.names import Names


def about_spf(names: Names, domain: str) -> Iterator[Finding]:
    """Say whether others than the clinic's own mail server may send in its name."""
    try:
        record = record_of(names, domain)
        if record is None:
            yield look("there is no record, so anybody may send in its name.")
            return
        says = says_of_others(names, record)
    except PermanentError as error:
        yield look(f"{error.detail}.")
        return
    if says in "-~":
        yield well(f"others are {'refused' if says == '-' else 'distrusted'} ({says}all)")
    else:
        yield look(f"the record lets others send too ({says}all): end it with -all or ~all.")


def about_dmarc(names: Names, domain: str) -> Iterator[Finding]:
    """Say what receivers do with mail that neither SPF nor DKIM answers for; a parent's word holds for its subdomains.

    Looked for at the domain and above, short of the top: no list of suffixes says here where a clinic's own domain
    begins.
    """
    labels = domain.split(".")
    for above in range(max(len(labels) - 1, 1)):
        place = ".".join(labels[above:])
        texts = names.texts(f"_dmarc.{place}")
        found = [tags_of(text) for text in texts if text.replace(" ", "").lower().startswith("v=dmarc1")]
        if len(found) > 1:
            yield look(f"{place} has {len(found)} records, so receivers take none (RFC 7489 section 6.6.3).")
        elif found:
            yield _about_policy(place, found[0], of_parent=above > 0)
        if found:
            return
    yield look("there is no record, so receivers do as they like with mail in its name.")


def _about_policy(place: str, tags: Mapping[str, str], *, of_parent: bool) -> Finding:
    policy = tags.get("sp" if of_parent and "sp" in tags else "p", "").lower()
    where = f" (said by {place})" if of_parent else ""
    if policy not in ("quarantine", "reject"):
        says = "only watches (p=none)" if policy == "none" else "has no policy"
        return look(f"the record {says}{where}: quarantine or reject protects.")
    if tags.get("pct", "100") != "100":
        return look(f"{policy} holds for a part of the mails only (pct){where}.")
    return well(f"{policy}{where}")

"""The privacy statement and the security contact over HTTP: at the root, for anybody, also during a restore."""

from __future__ import annotations

from datetime import UTC, datetime, time
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from dateutil.relativedelta import relativedelta

from services.requests.cases.letters import period_in
from services.requests.statement.automatic import ACTS
from services.requests.statement.layout import blocks
from services.requests.statement.schemas import (
    AutomaticActsSchema,
    PrivacyStatementSchema,
    PrivacyVersionsSchema,
)
from services.requests.statement.summary import summarise
from services.requests.statement.versions import in_language, read_statements
from shared.errors import NotFoundError
from shared.policy.cookies import OURS
from shared.web import HTML, PUBLIC, Answer, Answers, Api, Call, Document, Page, Redirect
from shared.wording import day_in, text_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from services.requests.statement.versions import Statement
    from shared.service import Tools

api = Api("statement", at_root=True)
FOLDER = "statement"
"""Beside the policy, which names the version that applies: both are the clinic's to write."""
FOR_SECURITY = relativedelta(months=6)
REPORT_FORM = "/intake/security"


@api.get("/", who=PUBLIC, answers=Answers(303), while_restoring=True)
def show_the_way(call: Call) -> Redirect:
    """Bring whoever types in the address alone to the statement, which names the forms and whom to ask."""
    return Redirect("/privacy")


@api.get("/privacy", who=PUBLIC, answers=Answers(200, PrivacyStatementSchema, media=HTML), while_restoring=True)
def show_current(call: Call) -> Answer | Page:
    """Show the privacy statement that applies now (P92)."""
    return _shown(call, call.tools.policy.statement.isoformat())


@api.get("/privacy/versions", who=PUBLIC, answers=Answers(200, PrivacyVersionsSchema, media=HTML), while_restoring=True)
def list_versions(call: Call) -> Answer | Page:
    """List every version with the day it applies from and its digest (P92)."""
    current = call.tools.policy.statement
    listed = [
        {"version": version, "since": texts[0].since, "current": texts[0].since == current, "texts": texts}
        for version, texts in _versions(call.tools).items()
    ]
    if call.wants_page:
        context = {"versions": listed, "day": day_in(call.language)}
        return Page("requests/privacy_versions.html", context, modified=_midnight(current))
    return Answer({"versions": listed}, modified=_midnight(current))


@api.get(
    "/privacy/versions/<version>",
    who=PUBLIC,
    answers=Answers(200, PrivacyStatementSchema, media=HTML),
    while_restoring=True,
)
def show_version(call: Call) -> Answer | Page:
    """Show a version as it was, for who agreed to it then (P92)."""
    return _shown(call, call.path["version"])


@api.get("/privacy/cookies", who=PUBLIC, answers=Answers(200, media=HTML), while_restoring=True)
def show_cookies(call: Call) -> Page:
    """Show the register of cookies, ours and those of the clinic's websites, and what there is none of (P82, P85)."""
    policy = call.tools.policy
    websites = {site.origins[0]: policy.cookies_set_by(name) for name, site in policy.sites.items()}
    context = {"ours": policy.cookies_set_by(OURS), "websites": websites, "clinic": policy.clinic}
    return Page("requests/cookies.html", {**context, "period": partial(period_in, call.language)})


@api.get("/privacy/automatic", who=PUBLIC, answers=Answers(200, AutomaticActsSchema, media=HTML), while_restoring=True)
def show_automatic(call: Call) -> Answer | Page:
    """Show what programs do by themselves, and which people it can be taken to (P57)."""
    if call.wants_page:
        return Page("requests/automatic.html", {"acts": ACTS, "clinic": call.tools.policy.clinic})
    told = ("done", "effect", "people")
    shown = [
        {"id": act.id, "service": act.service} | {name: text_in(call.language, getattr(act, name)) for name in told}
        for act in ACTS
    ]
    return Answer({"acts": shown})


@api.get("/.well-known/security.txt", who=PUBLIC, answers=Answers(200), while_restoring=True)
def show_security_contact(call: Call) -> Document:
    """Say whom to tell of a weakness (RFC 9116); it is written anew each day, and good for half a year."""
    settings = call.tools.settings
    expires = datetime.combine(call.now, time(), UTC) + FOR_SECURITY
    is_secure = settings.public_url.startswith("https://")  # section 2.5.3 takes no other address of a page
    lines = [
        *(["# PROEFOMGEVING: a trial system, not a clinic"] if settings.mode == "trial" else []),
        *([f"Contact: {settings.public_url}{REPORT_FORM}"] if is_secure else []),
        f"Contact: mailto:{call.tools.policy.clinic.security}",
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: nl, en",
    ]
    if is_secure:
        lines.append(f"Canonical: {settings.public_url}/.well-known/security.txt")
    return Document("".join(f"{line}\n" for line in lines).encode(), "text/plain; charset=utf-8")


def _versions(tools: Tools) -> Mapping[str, Sequence[Statement]]:
    """Return the texts of every version; where the clinic gave none of the current one, our summary stands in."""
    texts = read_statements(tools.settings.policy.parent / FOLDER, tools.policy.statement)
    if not any(each.since == tools.policy.statement for each in texts):
        origin = tools.settings.public_url
        at = {"requests_at": f"{origin}/requests/", "reports_at": f"{origin}{REPORT_FORM}"}
        summaries = (summarise(tools.policy, tools.register, language, **at) for language in ("nl", "en"))
        texts = [*summaries, *texts]
    return {version: list(group) for version, group in groupby(texts, key=lambda each: each.version)}


def _shown(call: Call, version: str) -> Answer | Page:
    texts = _versions(call.tools).get(version)
    if texts is None:
        raise NotFoundError("There is no such version of the privacy statement.")
    statement, clinic = in_language(texts, call.language), call.tools.policy.clinic
    current = statement.since == call.tools.policy.statement
    if call.wants_page:
        context = {
            "statement": statement,
            "blocks": blocks(statement.text),
            "current": current,
            "clinic": clinic,
            "day": day_in(call.language),
        }
        return Page("requests/privacy.html", context, modified=_midnight(statement.since))
    said = ("language", "sha256", "summary", "version", "since", "text")
    body = {name: getattr(statement, name) for name in said}
    return Answer(
        body | {"current": current, "published_at": clinic.statement_url}, modified=_midnight(statement.since)
    )


def _midnight(day: date) -> datetime:
    """Return a day as HTTP names it: the calendar day itself, whatever the time zone (P93)."""
    return datetime.combine(day, time(), UTC)

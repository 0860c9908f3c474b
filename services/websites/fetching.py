"""Fetching a page of one of the clinic's websites as a new visitor would, without following it to anybody else."""

from __future__ import annotations

from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy

import requests
import urllib3

SECONDS = 15
MOST = 4 * 1024 * 1024
FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: its kind of content in lower case, its text, the names of the cookies that came along with it.

    ``goes_to`` is where a redirect leads, absolute; it is not followed.
    """

    status: int
    kind: str
    text: str
    cookies: tuple[str, ...]
    goes_to: str | None


class Visitor:
    """Brings no cookies, and keeps none."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers["User-Agent"] = "Discreet website check"

    def fetch(self, address: str) -> Fetched | str:
        """Return what came, or why nothing did."""
        try:
            with self._session.get(address, allow_redirects=False, stream=True, timeout=SECONDS) as answer:
                content = answer.raw.read(MOST + 1, decode_content=True)
                cookies = answer.raw.headers.getlist("Set-Cookie")
                answer.encoding = answer.encoding or "utf-8"
                following = self._session.get_redirect_target(answer)
                return Fetched(
                    answer.status_code,
                    answer.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
                    content[:MOST].decode(answer.encoding, "replace"),
                    tuple(each.partition("=")[0].strip() for each in cookies),
                    requests.compat.urljoin(address, following) if following else None,
                )
        except FAILURES as error:
            return type(error).__name__
        except LookupError:
            return "an encoding that is not known"

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

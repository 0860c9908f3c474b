"""An authorization server: it gives access tokens (RFC 6749) and says what they are good for (RFC 7662)."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl

from tests.servers.kept import free_port

SECRET = "geheim-van-de-app"


@dataclass
class TokenServer:
    """Listens on a port of 127.0.0.1, which stays its own over stops and starts.

    ``account`` is whose mailbox its tokens open, and ``more`` what it says beside the token or instead of it.
    ``refusals`` are what it answers the next askers instead, and ``asked`` is what it was sent. ``good`` are the
    tokens that count.
    """

    account: str = ""
    more: dict[str, Any] = field(default_factory=lambda: {"expires_in": 3600})
    refusals: list[tuple[int, bytes]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    good: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        """Start."""
        this = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, said = this._answer(self.path, dict(parse_qsl(body)))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; connections are refused from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    @property
    def introspection(self) -> str:
        """Where a mail host asks about tokens."""
        return f"http://127.0.0.1:{self.port}/introspect"

    def settings(self, **changed: str) -> dict[str, str]:
        """Return what tokens are asked with here; each test its own, since what is kept goes by it."""
        usual = {
            "token_url": f"http://127.0.0.1:{self.port}/token",
            "client_id": "app-1",
            "client_secret": SECRET,
            "scope": "mail/.default",
        }
        return {name: each for name, each in (usual | changed).items() if each}

    def _answer(self, path: str, form: dict[str, str]) -> tuple[int, bytes]:
        if path == "/introspect":
            account = self.good.get(form["token"])
            return 200, json.dumps({"active": account is not None, "username": account or "-"}).encode()
        self.asked.append(form)
        if self.refusals:
            return self.refusals.pop(0)
        token = f"token-{self.port}-{len(self.asked)}"
        self.good[token] = self.account
        return 200, json.dumps({"access_token": token, "token_type": "Bearer"} | self.more).encode()

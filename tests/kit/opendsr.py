"""A processor that speaks OpenDSR and whose every word the test chooses, over real HTTP."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from services.sandbox.authority import Signer, issue, new_authority

DOMAIN = "opendsr.webhuis.example"
EXPECTED = "2026-12-02T09:00:00Z"
AUTHORITY = new_authority("Authority for tests")
SIGNER = issue(AUTHORITY["authority"], AUTHORITY["authority_key"], DOMAIN)
Reply = tuple[int, Mapping[str, str], bytes]


def another_signer(domain: str = DOMAIN, **validity: Any) -> Signer:
    """Return another key that the same authority vouches for."""
    return issue(AUTHORITY["authority"], AUTHORITY["authority_key"], domain, **validity)


def headers(body: bytes, signer: Signer = SIGNER, *, domain: str = DOMAIN, prefix: str = "X-OpenDSR") -> dict[str, str]:
    """Return the two headers for these bytes."""
    return {f"{prefix}-Processor-Domain": domain, f"{prefix}-Signature": signer.sign(body)}


def status(request_id: str, now: str, **more: Any) -> bytes:
    """Return the body of a status or a callback."""
    content = {
        "controller_id": "clinic-7",
        "expected_completion_time": EXPECTED,
        "subject_request_id": request_id,
        "request_status": now,
        "results_url": None,
    }
    return json.dumps(content | more, indent=1).encode()


class ScriptedProcessor:
    """Answers as a decent processor would, but for what the test puts in `says`, first in first out."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.signer = SIGNER
        self.identities = [("email", "raw"), ("email", "sha256")]
        self.types = ["erasure", "access"]
        self.status = "pending"
        self.says: list[Reply] = []
        self.calls: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def settings(self) -> dict[str, str]:
        """What the register says of it."""
        return {"base_url": f"{self.origin}/v2", "domain": DOMAIN, "authority": AUTHORITY["authority"]}

    def count(self, method: str, path: str) -> int:
        """How often it was called so."""
        return sum(call[0] == method and call[1].startswith(f"/v2/{path}") for call in self.calls)

    def sent(self) -> dict[str, Any]:
        """The last request it was sent."""
        content: dict[str, Any] = json.loads([call[3] for call in self.calls if call[0] == "POST"][-1])
        return content

    def say(self, code: int, body: bytes = b"{}", **signing: Any) -> None:
        """Have it answer the next call for a request so, signed."""
        self.says.append((code, headers(body, **({"signer": self.signer} | signing)), body))

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        """Answer one call."""
        if path == "/v2/discovery":
            rows = [{"identity_type": kind, "identity_format": how} for kind, how in self.identities]
            said: dict[str, Any] = {"api_version": "2.0", "supported_identities": rows}
            said |= {"supported_subject_request_types": self.types, "processor_certificate": f"{self.origin}/cert.pem"}
            return 200, {}, json.dumps(said).encode()
        if path == "/cert.pem":
            return 200, {}, self.signer.certificates.encode()
        if self.says:
            return self.says.pop(0)
        if method == "POST":
            said = {"expected_completion_time": EXPECTED, "controller_id": "clinic-7", "received_time": EXPECTED}
            said |= {"encoded_request": base64.b64encode(body).decode()}
            said |= {"subject_request_id": json.loads(body)["subject_request_id"]}
            made = json.dumps(said).encode()
            return 201, headers(made, self.signer), made
        made = status(path.rpartition("/")[2], self.status)
        return 200, headers(made, self.signer), made


@contextmanager
def scripted() -> Iterator[ScriptedProcessor]:
    """Run one."""

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            processor.calls.append((self.command, self.path, dict(self.headers), body))
            code, extra, content = processor.answer(self.command, self.path, body)
            self.send_response(code)
            for name, value in {**extra, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = do  # noqa: N815 - as the library wants it

        def log_message(self, *_: Any) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    processor = ScriptedProcessor(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield processor
    server.shutdown()
    server.server_close()
    thread.join()

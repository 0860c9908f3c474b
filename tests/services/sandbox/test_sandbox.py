"""The stand-in for processors: it has to be as true as it is obedient."""

from __future__ import annotations

import base64
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from services.sandbox.addresses import FILE, addresses, load, prepare
from services.sandbox.server import running
from services.sandbox.state import SandboxConfig
from services.sandbox.webhooks import is_reachable
from shared.errors import ConfigurationError
from tests.servers.kept import free_pair

KEYS = addresses(0)
ROOT = Path(__file__).parents[3]


@pytest.fixture
def sandbox() -> Iterator[str]:
    """Run a sandbox; yields its origin."""
    with running(SandboxConfig(addresses=KEYS, pace=0.001, stall_seconds=20, late_seconds=0.2)) as (origin, _):
        yield origin


def laposta(origin: str, method: str, path: str, **more: Any) -> requests.Response:
    """Call the played Laposta with its key and list."""
    where = "data" if method == "POST" else "params"
    fields = {"list_id": KEYS["laposta"]["list_id"], **more}
    url = f"{origin}/laposta/v2/{path}"
    return requests.request(method, url, auth=(KEYS["laposta"]["api_key"], ""), timeout=10, **{where: fields})


def join(origin: str, email: str = "sanne@example.nl", **more: Any) -> requests.Response:
    """Put somebody on the played list."""
    return laposta(origin, "POST", "member", email=email, ip="0.0.0.0", **more)


def control(origin: str, path: str, **content: Any) -> requests.Response:
    """Pull one of the strings."""
    return requests.post(f"{origin}/sandbox/v1/{path}", json=content, timeout=5)


class TestAddresses:
    """What the register's `sandbox:` settings stand for."""

    def test_the_file_is_for_its_owner_only(self, tmp_path: Path):
        """Keys lie in it, be they of a stand-in."""
        prepare(tmp_path / "home", 8001)
        assert stat.S_IMODE((tmp_path / "home" / FILE).stat().st_mode) == 0o600
        assert [path.name for path in (tmp_path / "home").iterdir()] == [FILE]

    def test_a_restart_keeps_the_keys_and_takes_the_port(self, tmp_path: Path):
        """Whoever connected before stays connected; a processor that is new gets keys of its own."""
        first = prepare(tmp_path, 8001)
        written = json.loads((tmp_path / FILE).read_text())
        del written["mailchimp"]
        (tmp_path / FILE).write_text(json.dumps(written))
        second = prepare(tmp_path, 9001)
        assert second["laposta"] == {**first["laposta"], "base_url": "http://127.0.0.1:9001/laposta/v2"}
        assert second["mailchimp"]["api_key"] != first["mailchimp"]["api_key"]
        assert second["medical-crm"] == {**first["medical-crm"], "base_url": "http://127.0.0.1:9001/medical-crm/v2"}
        assert load(tmp_path) == second

    def test_no_two_installations_have_the_same_keys(self):
        """They are made at the first start."""
        one, other = addresses(8001), addresses(8001)
        for name in one:
            secrets = one[name].keys() - {"base_url", "webhook_mode", "domain", "api_user"}
            assert secrets
            assert not {one[name][key] for key in secrets} & {other[name][key] for key in secrets}

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"laposta": 7}'])
    def test_a_damaged_file_is_named(self, tmp_path: Path, content: str):
        """New keys made in silence would leave everybody locked out."""
        (tmp_path / FILE).write_text(content)
        with pytest.raises(ConfigurationError, match=FILE):
            prepare(tmp_path, 8001)


class TestControl:
    """The strings."""

    def test_what_was_received_is_kept_byte_by_byte(self, sandbox: str):
        """Tests look here for what left the house; the key is not repeated."""
        join(sandbox, "zoë+1@example.nl", **{"custom_fields[voornaam]": "Zoë"})
        laposta(sandbox, "GET", "member/zo%C3%AB%2B1@example.nl")
        first, second = requests.get(f"{sandbox}/sandbox/v1/calls", timeout=5).json()
        assert (first["sequence"], first["processor"], first["method"]) == (1, "laposta", "POST")
        assert b"email=zo%C3%AB%2B1%40example.nl" in base64.b64decode(first["body"])
        assert second["target"].startswith("/laposta/v2/member/zo%C3%AB%2B1@example.nl?list_id=")
        assert KEYS["laposta"]["api_key"] not in json.dumps([first, second])
        assert "authorization" not in first["headers"]

    def test_calls_of_one_processor_can_be_asked_for(self, sandbox: str):
        """Newest last."""
        join(sandbox)
        requests.get(f"{sandbox}/mailchimp/3.0/lists/x", timeout=5)
        calls = requests.get(f"{sandbox}/sandbox/v1/calls?processor=mailchimp", timeout=5).json()
        assert [call["processor"] for call in calls] == ["mailchimp"]

    @pytest.mark.parametrize(("behaviour", "status"), [("fail", 500), ("busy", 429), ("block", 403)])
    def test_a_mood_passes_after_so_many_calls(self, sandbox: str, behaviour: str, status: int):
        """`times` counts the calls; one processor's mood is not another's."""
        assert control(sandbox, "behaviour", processor="laposta", behaviour=behaviour, times=2).status_code == 204
        assert requests.get(f"{sandbox}/mailchimp/3.0/lists/x", timeout=5).status_code == 401
        assert [join(sandbox).status_code for _ in range(3)] == [status, status, 201]

    def test_a_mood_without_times_stays_until_told_otherwise(self, sandbox: str):
        """And ends with `normal`."""
        control(sandbox, "behaviour", processor="laposta", behaviour="fail")
        assert [join(sandbox).status_code for _ in range(3)] == [500] * 3
        control(sandbox, "behaviour", processor="laposta", behaviour="normal")
        assert join(sandbox).status_code == 201

    def test_a_lie_is_told_by_a_change_and_not_by_a_look(self, sandbox: str):
        """Reading says the truth, which is how a lie is found out."""
        control(sandbox, "behaviour", processor="laposta", behaviour="lie", times=1)
        assert laposta(sandbox, "GET", "member").json() == {"data": []}
        assert join(sandbox).status_code == 201
        assert laposta(sandbox, "GET", "member").json() == {"data": []}
        join(sandbox)
        assert len(laposta(sandbox, "GET", "member").json()["data"]) == 1

    def test_who_is_stalled_is_released_by_another_mood(self, sandbox: str):
        """So that a test or a demonstration need not wait the stall out."""
        control(sandbox, "behaviour", processor="laposta", behaviour="stall")
        began = time.monotonic()
        threading.Timer(0.3, lambda: control(sandbox, "behaviour", processor="laposta", behaviour="normal")).start()
        assert join(sandbox).status_code == 500
        assert 0.2 < time.monotonic() - began < 5

    def test_a_reset_forgets_people_calls_and_moods(self, sandbox: str):
        """The next test begins with nothing."""
        join(sandbox)
        control(sandbox, "behaviour", processor="laposta", behaviour="fail")
        assert control(sandbox, "reset").status_code == 204
        assert requests.get(f"{sandbox}/sandbox/v1/calls", timeout=5).json() == []
        assert requests.get(f"{sandbox}/sandbox/v1/newsletter/laposta/members", timeout=5).json() == []
        assert join(sandbox).status_code == 201

    @pytest.mark.parametrize(
        ("path", "content", "status"),
        [
            ("behaviour", {"processor": "laposta", "behaviour": "odd"}, 422),
            ("behaviour", {"processor": "nobody", "behaviour": "lie"}, 422),
            ("behaviour", {"processor": "laposta", "behaviour": "lie", "times": 0}, 422),
            ("behaviour", {"processor": "laposta", "behaviour": "lie", "times": "2"}, 422),
            ("newsletter/laposta/unsubscribe", {"email": "nobody@example.nl"}, 404),
            ("newsletter/laposta/dance", {"email": "sanne@example.nl"}, 404),
            ("newsletter/nobody/unsubscribe", {"email": "sanne@example.nl"}, 404),
        ],
    )
    def test_a_wrong_string_says_so(self, sandbox: str, path: str, content: dict[str, Any], status: int):
        """A test with a typing error must not pass."""
        join(sandbox)
        assert control(sandbox, path, **content).status_code == status

    @pytest.mark.parametrize(
        ("url", "reachable"),
        [
            ("http://127.0.0.1:8000/hook", True),
            ("http://localhost/hook", True),
            ("http://[::1]/hook", True),
            ("https://kliniek.example/hook", False),
            ("http://127.0.0.1.example/hook", False),
            ("file:///etc/passwd", False),
            ("http://[broken", False),
        ],
    )
    def test_webhooks_go_to_this_machine_only(self, url: str, reachable: bool):
        """A trial tells nobody outside anything."""
        assert is_reachable(url) is reachable


class TestPlayed:
    """That the played processors refuse what the real ones refuse."""

    @pytest.mark.parametrize(
        ("path", "status"), [("laposta/v2/member", 401), ("mailchimp/3.0/lists/x/members", 401), ("laposta/v3/x", 404)]
    )
    def test_nothing_is_told_without_the_key(self, sandbox: str, path: str, status: int):
        """As at the real ones."""
        assert requests.get(f"{sandbox}/{path}", auth=("wrong", "wrong"), timeout=5).status_code == status

    @pytest.mark.parametrize(
        ("changed", "code", "parameter"),
        [
            ({"list_id": ""}, 201, "list_id"),
            ({"list_id": "another"}, 203, "list_id"),
            ({"ip": ""}, 201, "ip"),
            ({"email": ""}, 201, "email"),
            ({"email": "sanne"}, 208, "email"),
            ({"options[upsert]": "perhaps"}, 206, "options"),
        ],
    )
    def test_laposta_names_what_is_wrong_by_code(
        self, sandbox: str, changed: dict[str, str], code: int, parameter: str
    ):
        """All of them are a 400."""
        answer = laposta(sandbox, "POST", "member", **{"email": "sanne@example.nl", "ip": "0.0.0.0", **changed})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["parameter"]) == (400, code, parameter)

    def test_laposta_reads_forms_and_no_json(self, sandbox: str):
        """JSON there is nothing at all."""
        content = {"list_id": KEYS["laposta"]["list_id"], "email": "sanne@example.nl", "ip": "0.0.0.0"}
        url = f"{sandbox}/laposta/v2/member"
        answer = requests.post(url, json=content, auth=(KEYS["laposta"]["api_key"], ""), timeout=5)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, 201)

    def test_laposta_drops_a_field_it_does_not_have(self, sandbox: str):
        """Without a word, which is why an adapter has to look."""
        fields = {"custom_fields[roepnaam]": "San", "custom_fields[voornaam]": "Sanne"}
        assert join(sandbox, **fields).json()["member"]["custom_fields"] == {"voornaam": "Sanne"}

    def test_laposta_revives_whoever_left_unless_told_not_to(self, sandbox: str):
        """The trap of its upsert."""
        join(sandbox)
        control(sandbox, "newsletter/laposta/unsubscribe", email="sanne@example.nl")
        kept = join(sandbox, **{"options[upsert]": "true", "options[suppress_reactivation]": "true"})
        assert (kept.status_code, kept.json()["member"]["state"]) == (200, "unsubscribed")
        assert join(sandbox, **{"options[upsert]": "true"}).json()["member"]["state"] == "active"

    def test_mailchimp_pushes_back_onto_the_list_whoever_we_unsubscribed(self, sandbox: str):
        """The trap of a status in its PUT."""
        key, list_id = KEYS["mailchimp"]["api_key"], KEYS["mailchimp"]["list_id"]
        url = f"{sandbox}/mailchimp/3.0/lists/{list_id}/members/sanne@example.nl"
        member = {"email_address": "sanne@example.nl", "status_if_new": "subscribed"}
        states = [
            requests.put(url, json={**member, **more}, auth=("any", key), timeout=5).json()["status"]
            for more in ({}, {"status": "unsubscribed"}, {}, {"status": "subscribed"})
        ]
        assert states == ["subscribed", "unsubscribed", "unsubscribed", "subscribed"]

    def test_mailchimp_answers_with_problems(self, sandbox: str):
        """JSON of its own type, told apart by the title."""
        key, list_id = KEYS["mailchimp"]["api_key"], KEYS["mailchimp"]["list_id"]
        url = f"{sandbox}/mailchimp/3.0/lists/{list_id}/members/sanne@example.nl"
        answer = requests.put(url, data="{", auth=("any", key), timeout=5)
        assert (answer.status_code, answer.json()["title"]) == (400, "JSON Parse Error")
        assert answer.headers["Content-Type"] == "application/problem+json"


class TestProgram:
    """`python -m services.sandbox`."""

    def test_it_serves_this_machine_and_stops_when_told(self, tmp_path: Path):
        """On the port after the installation's own, with its addresses in the home, and silent about who called."""
        port = free_pair()
        environ = {**os.environ, "DISCREET_MODE": "trial", "DISCREET_HOME": str(tmp_path), "DISCREET_PORT": str(port)}
        with subprocess.Popen(
            [sys.executable, "-m", "services.sandbox"],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as program:
            wait_for(port + 1)
            settings = load(tmp_path)["laposta"]
            params = {"list_id": settings["list_id"]}
            url = f"{settings['base_url']}/member/sanne@example.nl"
            assert requests.get(url, params=params, auth=(settings["api_key"], ""), timeout=5).status_code == 400
            began = time.monotonic()
            program.terminate()
            output, _ = program.communicate(timeout=10)
        assert time.monotonic() - began < 3
        assert program.returncode == 0
        assert b"sanne" not in output

    def test_a_live_installation_has_no_sandbox(self, tmp_path: Path):
        """It has real processors."""
        environ = {**os.environ, "DISCREET_MODE": "live", "DISCREET_HOME": str(tmp_path)}
        command = [sys.executable, "-m", "services.sandbox"]
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=20)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert list(tmp_path.iterdir()) == []


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("nobody listens")

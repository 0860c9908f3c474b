"""`discreet newsletter connect`: somebody types it once, and knows that it works and what can be promised."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.newsletter import connecting, programmes
from services.newsletter.processors.interface import Webhook
from services.sandbox import addresses
from shared.errors import ConfigurationError, NotFoundError
from shared.propagation.register import Register
from shared.settings import ROOT
from tests.kit.typed import typed
from tests.services.newsletter.desk import ANNA, desk

REGISTER = """\
processors:
  brevo:
    settings: {list_id: "3", url_secret_file: secrets/url, webhook_secret_file: secrets/webhook}
"""


def discreet(newsletter, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Type the command on the machine of this newsletter."""
    return typed(["newsletter", *arguments], environ(newsletter))


def environ(newsletter) -> dict[str, str]:
    """Return what is set on that machine."""
    settings = newsletter.installation.settings
    own = {name: value for name, value in os.environ.items() if not name.startswith("DISCREET_")}
    return own | {
        "DISCREET_MODE": "trial",
        "DISCREET_HOME": str(settings.home),
        "DISCREET_PORT": str(settings.port),
        "DISCREET_PROCESSORS": str(settings.processors),
    }


def begun(newsletter, *arguments: str) -> subprocess.Popen[str]:
    """Type it, and do not wait for its end."""
    return subprocess.Popen(
        [sys.executable, "-m", "services.cli", "newsletter", *arguments],
        cwd=ROOT,
        env=environ(newsletter),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("programme", [each for each in programmes.PROGRAMMES if each != "laposta"])
def test_another_programme_is_tried_as_the_guide_says(newsletter, tmp_path, programme) -> None:
    """Whoever takes away what the guide says has a register that can be used."""
    guide = " ".join((ROOT / "docs" / "newsletter-providers.md").read_text(encoding="utf-8").split())
    assert "give `laposta` the status `ended`, and take away the first two characters of the lines of another" in guide
    text = (ROOT / "deploy" / "config" / "processors.trial.yaml").read_text(encoding="utf-8")
    (block,) = re.findall(rf"(?m)^#~  {programme}:\n(?:#~    .*\n)+", text)
    text = text.replace(block, "".join(line[2:] for line in block.splitlines(keepends=True)))
    (tmp_path / "tried.yaml").write_text(text.replace("active\n    adapter: laposta", "ended\n    adapter: laposta"))
    register = Register.load(tmp_path / "tried.yaml", sandbox=addresses.load(newsletter.installation.home))
    assert programmes.active(register).id == programme


def test_a_programme_is_connected_and_what_it_tells_is_heard(either) -> None:
    """Key and list are right, the webhooks there, a test message came in; and it says what cannot be promised."""
    silent = either.programme in ("laposta", "mailchimp")  # tell nothing of what we do
    with either.applying():
        done = discreet(either, "connect", either.programme, "--wait", "1" if silent else "30")
    if silent:  # and nobody unsubscribed meanwhile
        assert (done.returncode, "No message arrived" in done.stderr) == (1, True)
        return
    assert (done.returncode, done.stderr) == (0, "")
    assert "the key works" in done.stdout
    assert ("Its message arrived" in done.stdout) is (either.programme != "listmonk")
    assert "Kan niet worden beloofd / Cannot be promised" in done.stdout
    assert either.members() == {}


def test_a_programme_that_tells_nothing_of_our_acts_is_waited_for_while_somebody_unsubscribes(newsletter) -> None:
    """Whoever connects it does that on its screens."""
    assert "unsubscribe an address of your own" in discreet(newsletter, "connect", "laposta").stdout
    newsletter.provider.subscribe(ANNA, "Anna", reactivate=True)
    hooks = newsletter.provider.webhooks()
    assert len(hooks) == 3
    with begun(newsletter, "connect", "laposta", "--wait", "30") as command:
        assert any("now unsubscribe" in line for line in iter(command.stdout.readline, ""))
        newsletter.at_programme("unsubscribe")
        stdout, _ = command.communicate(timeout=60)
    assert (command.returncode, "Its message arrived" in stdout) == (0, True)
    assert newsletter.provider.webhooks() == hooks


@pytest.mark.parametrize(
    ("programme", "said"),
    [("nobody", "no such processor"), ("bookkeeper", "no such programme"), ("medical-crm", "no such programme")],
)
def test_only_a_newsletter_programme_can_be_connected(newsletter, programme: str, said: str) -> None:
    """And what is wrong is said in one line."""
    done = discreet(newsletter, "connect", programme)
    assert (done.returncode, said in done.stderr, len(done.stderr.splitlines())) == (2, True, 1)


def test_somebody_who_is_on_the_list_is_not_erased_for_a_test(brevo) -> None:
    """A test address is put there and erased: it may be nobody's."""
    brevo.subscribe()
    done = discreet(brevo, "connect", "brevo", "--test-address", ANNA)
    assert (done.returncode, "give another one" in done.stderr) == (2, True)
    assert brevo.members() == {ANNA: "subscribed"}


def test_a_message_that_does_not_come_is_said(brevo) -> None:
    """The programme lies about the webhook, or cannot reach us: the command ends with 1."""
    brevo.provider.ensure_webhooks(programmes.callback_url(brevo.tools, brevo.processor))
    (hook,) = brevo.provider.webhooks()
    elsewhere = {"auth": {"type": "bearer", "token": "another"}}
    assert brevo.provider.session.send("PUT", "webhooks", hook.webhook_id, content=elsewhere).ok
    started = time.monotonic()
    done = discreet(brevo, "connect", "brevo", "--wait", "1")
    assert (done.returncode, "No message arrived" in done.stderr) == (1, True)
    assert time.monotonic() - started < 60


class TestSecrets:
    """Where the secrets of webhooks come from and go to."""

    @pytest.fixture
    def register(self, tmp_path: Path) -> Path:
        """Write a register that names files which are not there."""
        path = tmp_path / "processors.yaml"
        path.write_text(REGISTER)
        return path

    def test_a_secret_that_is_not_there_is_made_for_its_owner_only(self, register: Path) -> None:
        """And never a second time."""
        files = connecting.prepare_secrets(register, "brevo")
        assert files.made == {"url_secret", "webhook_secret"}
        said = {name: path.read_text() for name, path in files.paths.items()}
        assert len(set(said.values())) == 2
        assert {stat.S_IMODE(path.stat().st_mode) for path in files.paths.values()} == {0o600}
        again = connecting.prepare_secrets(register, "brevo")
        assert again.made == frozenset()
        assert {name: path.read_text() for name, path in again.paths.items()} == said

    def test_what_the_programme_chose_takes_the_place_of_what_was_only_put_there(self, register: Path) -> None:
        """A secret that stood there before stays: another webhook may still sign with it."""
        hook = Webhook(webhook_id="1", events=frozenset(), active=True, url="https://x", secret="chosen")
        files = connecting.prepare_secrets(register, "brevo")
        path = files.learn([hook], files.paths["webhook_secret"].read_text())
        assert path is not None
        assert path.read_text() == "chosen"
        later = Webhook(webhook_id="2", events=frozenset(), active=True, url="https://x", secret="later")
        again = connecting.prepare_secrets(register, "brevo")
        assert again.learn([hook], "chosen") is None
        assert again.learn([hook, later], "chosen") == path
        assert path.read_text() == "chosen later"

    @pytest.mark.parametrize("content", ["", "[]", "processors: 7", "processors: {brevo: 7}", "a: [b"])
    def test_a_register_that_is_none_is_said(self, register: Path, content: str) -> None:
        """By name, and nothing is written."""
        register.write_text(content)
        with pytest.raises((NotFoundError, ConfigurationError)):
            connecting.prepare_secrets(register, "brevo")
        assert list(register.parent.iterdir()) == [register]


@pytest.mark.parametrize("programme", ["laposta", "mailchimp", "brevo", "mailerlite"])
def test_from_nothing_to_a_connected_programme(tmp_path: Path, programme: str) -> None:
    """The register names files that are not there: the first run fills them, the next finds everything."""
    with desk(tmp_path, programme) as found:
        path = found.tools.settings.processors
        text = path.read_text()
        for name in ("url_secret", "webhook_secret"):
            text = text.replace(f"{name}: sandbox:{programme}.{name}", f"{name}_file: {programme}_{name}")
        path.write_text(text)
        first = discreet(found, "connect", programme)
        assert (first.returncode, first.stderr) == (0, "")
        assert "Restart the newsletter's services" in first.stdout
        secret = (path.parent / f"{programme}_webhook_secret").read_text()
        (theirs,) = {hook.secret for hook in found.provider.webhooks() if hook.secret} or {secret}
        assert secret == theirs
        again = discreet(found, "connect", programme, "--wait", "0")
        assert "The webhooks are there." in again.stdout
        assert "Restart" not in again.stdout

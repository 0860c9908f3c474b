"""What a start looks at before it starts anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from services.prepare import prepare
from shared.clock import system_clock
from shared.errors import ConfigurationError
from shared.keys import make_live_keys
from shared.settings import ROOT, SERVICES, Settings
from shared.signing import SigningKey


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A live installation on this machine, with a register but without keys."""
    config = tmp_path / "config"
    shutil.copytree(ROOT / "deploy" / "config", config)
    register = config / "processors.yaml"
    for name in ("api_key", "url_secret", "webhook_secret"):
        (config / f"laposta_{name}").write_text("x")
    register.write_text(register.read_text().replace("/run/processors/", ""))
    return {
        "DISCREET_MODE": "live",
        "DISCREET_HOME": str(tmp_path / "home"),
        "DISCREET_PROCESSORS": str(register),
        "DISCREET_POLICY": str(config / "policy.yaml"),
    }


def make_keys(settings: Settings) -> None:
    """Do what `discreet key make` does."""
    make_live_keys(settings.keys, SigningKey.generate(), SERVICES, system_clock())


def test_live_without_keys_does_not_start_and_says_what_is_missing(environ: dict[str, str]):
    """A parent that starts processes which cannot live would do so for ever; and no database is made yet."""
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "up"],
        env={**os.environ, **environ},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "discreet key make" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (Path(environ["DISCREET_HOME"]) / "data").exists()


def test_live_with_a_wrong_register_does_not_start(environ: dict[str, str]):
    """A secret that is not there is found before anybody is told that the system runs."""
    settings = Settings.from_environ(environ)
    make_keys(settings)
    (settings.processors.parent / "laposta_api_key").unlink()
    with pytest.raises(ConfigurationError, match="api_key_file"):
        prepare(settings)


def test_a_register_that_names_what_no_service_has_does_not_start(environ: dict[str, str]):
    """In a trial neither: an adapter that is not there, or settings it cannot use, would be found at an erasure."""
    settings = Settings.from_environ(environ)
    make_keys(settings)
    register = settings.processors
    text = register.read_text()
    host, crm = text.index("  website-host:"), text.index("  medical-crm:")
    register.write_text(text[:crm] + text[crm:host].replace("by_hand", "opendsr") + text[host:])
    with pytest.raises(ConfigurationError, match=r"medical-crm\.settings: The register lacks .*: authority, base_url"):
        prepare(settings)
    trial = Settings.from_environ({**environ, "DISCREET_MODE": "trial", "DISCREET_HOME": f"{settings.home}-trial"})
    register.write_text(text[:host] + text[host:].replace("by_hand", "imapp", 1).replace("by_hand", "imap", 1))
    with pytest.raises(ConfigurationError) as caught:
        prepare(trial)
    *_, wrong, unset = caught.value.detail.splitlines()
    assert wrong == "  processors.website-host.adapter: intake has by_hand, feed, imap, opendsr; not imapp."
    assert unset == "  processors.mail-host.settings: The register lacks the settings: account, host."


def test_live_starts_with_empty_stores_and_makes_no_keys_or_accounts(environ: dict[str, str]):
    """What a trial makes by itself, a clinic makes on purpose."""
    settings = Settings.from_environ(environ)
    make_keys(settings)
    before = sorted(settings.keys.rglob("*"))
    prepare(settings)
    assert sorted(settings.keys.rglob("*")) == before
    assert {path.name for path in (settings.home / "data").glob("*.sqlite3")} == {f"{s}.sqlite3" for s in SERVICES}
    assert not (settings.home / "sandbox.json").exists()
    assert not (settings.home / "console" / "trial-accounts.txt").exists()


@pytest.mark.parametrize(
    "started", [["services.worker", "all"], ["gunicorn", "--check-config", "services.web:create_app()"]]
)
def test_p33_nothing_works_on_a_table_without_a_term(environ: dict[str, str], started: list[str]):
    """Neither what answers callers nor what would have to end the term."""
    policy = Path(environ["DISCREET_POLICY"])
    lines = policy.read_text(encoding="utf-8").splitlines(keepends=True)
    at = lines.index("  newsletter.edition:\n")
    policy.write_text("".join(lines[:at] + lines[at + 2 :]), encoding="utf-8")
    make_keys(Settings.from_environ(environ))
    done = subprocess.run(
        [sys.executable, "-m", *started],
        env={**os.environ, **environ},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert "Data classes without a term: newsletter.edition." in done.stderr

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

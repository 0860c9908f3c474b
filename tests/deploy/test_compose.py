"""docker-compose.yml and what it builds: every process has what it needs and nothing of another's."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from shared.keys.making import signing_keys_of
from shared.settings import ROOT, SERVICES
from tests.e2e.composed import FILE, containers

if TYPE_CHECKING:
    from pathlib import Path

CONTAINERS = containers({"DISCREET_PUBLIC_URL": "https://privacy.clinic.example"})
OURS = {name: each for name, each in CONTAINERS.items() if each.is_ours}
HOLDERS = {holder for holder, _ in signing_keys_of(SERVICES)}
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
WITHOUT_SECRETS = {"console", "command"}


def test_every_service_has_a_web_process_a_worker_and_migrations():
    """And there is the console, the edge, and what they stand on."""
    wanted = {f"{service}-{what}" for service in SERVICES for what in ("web", "worker", "migrate")}
    beside = {"postgres", "database-roles", "rabbitmq", "broker-definitions", "console", "edge"}
    assert set(CONTAINERS) == wanted | beside | {"command", "newsletter-command"}


def test_every_image_is_built_once():
    """What stands at each process of ours is built for each of them, side by side, and all but one thrown away."""
    built = [raw["build"]["target"] for each in CONTAINERS.values() if "build" in (raw := each.raw)]
    assert sorted(built) == ["discreet", "edge", "postgres", "rabbitmq"]


@pytest.mark.parametrize("name", CONTAINERS)
def test_nothing_runs_as_root_or_writes_where_it_should_not(name: str):
    """Read-only file systems, no capabilities, no way to get more, a bound on memory."""
    raw = CONTAINERS[name].raw
    assert raw["read_only"] is True
    assert raw["cap_drop"] == ["ALL"]
    assert raw["security_opt"] == ["no-new-privileges:true"]
    assert raw["mem_limit"]
    assert "user" not in raw  # the image says who
    assert "privileged" not in raw


def test_every_image_has_an_account_of_its_own_and_a_health_check():
    """Each target of the Dockerfile ends as somebody without rights."""
    targets = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
    for target in ("discreet", "postgres", "rabbitmq", "edge"):
        [stage] = [each for each in targets if each.splitlines()[0].endswith(f" AS {target}")]
        assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", stage, re.MULTILINE), target
        assert "HEALTHCHECK" in stage


def test_only_the_edge_is_published():
    """Databases and broker are on a network that leads nowhere; the edge is not on it."""
    assert [name for name, each in CONTAINERS.items() if "ports" in each.raw] == ["edge"]
    networks = yaml.safe_load(FILE.read_text())["networks"]
    assert networks["data"] == {"internal": True}
    for name in ("postgres", "rabbitmq", "database-roles"):
        assert CONTAINERS[name].raw["networks"] == ["data"]
    assert CONTAINERS["edge"].raw["networks"] == ["services"]
    assert CONTAINERS["console"].raw["networks"] == ["services"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_gets_its_own_secrets_only(service: str):
    """The account of the tables' owner is for migrations, the broker's for the worker, and nobody has another's."""
    assert CONTAINERS[f"{service}-web"].secrets == {"database-password": f"{service}-database"}
    assert CONTAINERS[f"{service}-migrate"].secrets == {"database-password": f"{service}-database-owner"}
    assert CONTAINERS[f"{service}-worker"].secrets == {
        "database-password": f"{service}-database",
        "broker-password": f"{service}-broker",
        "smtp-url": "smtp-url",
        "smtp-client-secret": "smtp-client-secret",
        "smtp-refresh-token": "smtp-refresh-token",
    }
    for what in ("web", "worker"):
        mounted = [each for each in CONTAINERS[f"{service}-{what}"].raw["volumes"] if "/run/processors" in each]
        assert [each.split("/")[-3:] for each in mounted] == [[service + ":", "run", "processors:ro"]]


def test_what_opens_the_newsletter_programme_is_written_by_a_command_only():
    """`discreet newsletter connect` makes secrets; it is no server, and gets what the newsletter gets and no more."""
    raw = CONTAINERS["newsletter-command"].raw
    given = {volume.removesuffix(":ro") for volume in CONTAINERS["newsletter-web"].raw["volumes"]}
    assert {volume.removesuffix(":ro") for volume in raw["volumes"]} == given
    assert raw["profiles"] == ["command"]
    assert CONTAINERS["newsletter-command"].secrets == CONTAINERS["newsletter-web"].secrets
    assert CONTAINERS["newsletter-command"].covered_keys == HOLDERS - {"newsletter"}
    writable = {
        name
        for name, each in CONTAINERS.items()
        if "processors" in str(each.raw.get("volumes"))
        for volume in each.raw["volumes"]
        if volume.endswith("/run/processors")
    }
    assert writable == {"newsletter-command"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_sees_its_own_keys_only(service: str):
    """Those of all other holders are covered, and none of them can be written."""
    for what in ("web", "worker"):
        assert CONTAINERS[f"{service}-{what}"].covered_keys == HOLDERS - {service}
    assert CONTAINERS["console"].covered_keys == HOLDERS - {"console"}
    assert not [each for each in CONTAINERS[f"{service}-migrate"].raw.get("volumes", []) if ":/keys" in each]
    writable = {
        name for name, each in CONTAINERS.items() for volume in each.raw.get("volumes", []) if volume.endswith(":/keys")
    }
    assert writable == {"command"}


@pytest.mark.parametrize("name", OURS)
def test_no_environment_holds_a_secret(name: str):
    """Passwords are in files; what stands in an environment can be read by whoever may list containers."""
    for key, value in OURS[name].environ.items():
        assert not re.search(r"://[^/@]+:[^/@]+@", value), key
        if re.search("PASSWORD|SECRET|REFRESH|SMTP_URL", key):
            assert key.endswith("_FILE")
            assert not value or value.removeprefix("/run/secrets/") in OURS[name].secrets
    if name not in WITHOUT_SECRETS:
        assert OURS[name].secrets


def test_the_secrets_of_a_mail_server_that_takes_tokens_lie_where_the_example_says():
    """Nobody has to name them who signs in by a password."""
    example = (ROOT / "deploy" / "config" / "env.example").read_text()
    named = dict(re.findall(r"^# (DISCREET_SMTP_\w+_FILE)=/run/secrets/(.+)$", example, re.MULTILINE))
    assert set(named.values()) == {"smtp-client-secret", "smtp-refresh-token"}
    for service in SERVICES:
        worker = CONTAINERS[f"{service}-worker"]
        assert {worker.environ[name] for name in named} == {""}
        assert set(named.values()) <= set(worker.secrets)


def test_every_secret_is_there_before_the_start(tmp_path: Path):
    """No container is made without its files: the script makes them, and the page says how the others come there.

    Run anew, as for a release that lists more, it makes what is missing and leaves alone what somebody wrote.
    """
    script, page = ROOT / "deploy" / "make-secrets.sh", (ROOT / "docs" / "operations.md").read_text()
    for written in ("", "from the clinic"):
        subprocess.run([script, tmp_path], check=True)
        assert (tmp_path / "smtp-client-secret").read_text() == written
        assert (tmp_path / "smtp-refresh-token").stat().st_mode & 0o777 == 0o444
        made = {each.name for each in tmp_path.iterdir() if each.is_file()}
        (tmp_path / "smtp-client-secret").chmod(0o644)
        (tmp_path / "smtp-client-secret").write_text("from the clinic")
        (tmp_path / "smtp-refresh-token").unlink()
    by_hand = set(re.findall(r"^(?:printf|cp) .*/etc/discreet/secrets/([\w.-]+)", page, re.MULTILINE))
    declared = yaml.safe_load(FILE.read_text())["secrets"].values()
    assert {each["file"].rpartition("/")[2].rstrip("}") for each in declared} == made | by_hand
    assert re.search(r"^\| a new release \|.*`git pull`.*make-secrets\.sh.*`docker compose up", page, re.MULTILINE)


def test_live_is_the_default_and_every_variable_is_explained():
    """A trial is chosen, never what is left when something was forgotten."""
    assert {each.environ["DISCREET_MODE"] for each in OURS.values() if each.environ} == {"live"}
    used = set(re.findall(r"\$\{(\w+)", FILE.read_text()))
    explained = set(re.findall(r"^#? ?(\w+)=", (ROOT / "deploy" / "config" / "env.example").read_text(), re.MULTILINE))
    assert used == explained


def test_the_journal_can_lie_on_another_disk_and_only_the_requests_service_writes_it():
    """It is what a restore learns of later decisions from."""
    having = {
        name
        for name, each in CONTAINERS.items()
        for volume in each.raw.get("volumes", [])
        if volume.split(":")[1] == "/journal"
    }
    assert having == {"requests-web", "requests-worker"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_its_own_marks_and_no_other(service: str):
    """They tell it that its database was put back; whoever could write another's could hide that."""
    declared = yaml.safe_load(FILE.read_text())["volumes"]
    for what in ("web", "worker"):
        mounted = [each for each in CONTAINERS[f"{service}-{what}"].raw["volumes"] if "/journal/marks" in each]
        assert mounted == [f"marks-{service}:/journal/marks"]
    assert f"marks-{service}" in declared

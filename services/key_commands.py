"""The clinic's keys on the command line: make, split, recover, replace and list them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shared.clock import system_clock, utc_text
from shared.keys import KeyStore, make_live_keys
from shared.keys.making import make_root, read_root, signing_keys_of, write_root
from shared.keys.rotation import OVERLAP, revoke_key, rotate_signing_key
from shared.settings import SERVICES
from shared.signing import SigningKey, fingerprint_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.roster import Purpose
    from shared.settings import Settings

    Read = Callable[[], Settings]

HOLDERS = (*SERVICES, "console", "command")
DIRECTORY = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def with_root(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command have the root key, as a file or from its holders' shares without ever writing it down."""
    shares = click.option("--share", "shares", multiple=True, type=FILE, help="A holder's share; once for each.")
    return click.option("--root", type=FILE, help="The file with the root key.")(shares(command))


@click.group()
def key_commands() -> None:
    """Keys: the clinic's root key, the services' keys, and the roster that the root key signs."""


@key_commands.command("make-root")
@click.option("--out", type=DIRECTORY, required=True, help="A directory off this machine, such as a stick.")
def make_root_command(out: Path) -> None:
    """Make the clinic's root key."""
    root = make_root(out)
    click.echo(f"{out / 'root.pem'} is the root key. Split it, keep it away from every server, and write down:")
    click.echo(fingerprint_of(root.public_key))


@key_commands.command("split")
@click.argument("root", type=FILE)
@click.option("--out", type=DIRECTORY, required=True, help="Where the shares are written, a file each.")
@click.option("--shares", type=click.IntRange(2, 16), default=3, show_default=True)
@click.option("--threshold", type=click.IntRange(2, 16), default=2, show_default=True)
def split_command(root: Path, out: Path, shares: int, threshold: int) -> None:
    """Split the root key in shares for its holders."""
    from shared.keys.files import write_file  # noqa: PLC0415 - each command loads only what it needs
    from shared.keys.shares import split_root  # noqa: PLC0415

    if threshold > shares:
        raise click.UsageError("There cannot be fewer shares than are needed.")
    for number, share in enumerate(split_root(read_root(root), shares, threshold), start=1):
        path = out / f"share-{number}-of-{shares}.txt"
        write_file(path, share.encode())
        click.echo(path)
    click.echo(f"Give each to its holder. Any {threshold} give the key back; then destroy these files and {root}.")


@key_commands.command("recover")
@click.argument("shares", nargs=-1, required=True, type=FILE)
@click.option("--out", type=DIRECTORY, required=True, help="Where the root key is written.")
@click.option("--fingerprint", help="The root key's fingerprint; default: the one on the shares.")
def recover_command(shares: tuple[Path, ...], out: Path, fingerprint: str | None) -> None:
    """Put the root key together from its holders' shares."""
    root = _recovered(shares, fingerprint)
    write_root(KeyStore(out), root)
    click.echo(f"{out / 'root.pem'} is the root key with this fingerprint:")
    click.echo(fingerprint_of(root.public_key))


@key_commands.command("make")
@with_root
@click.pass_obj
def make_command(settings: Read, root: Path | None, shares: tuple[Path, ...]) -> None:
    """Make the services' keys that are missing, and put them on the roster."""
    chosen = settings()
    roster = make_live_keys(chosen.keys, _root(chosen, root, shares), SERVICES, system_clock())
    click.echo(f"{chosen.keys}: {len(roster.keys)} keys are on roster {roster.serial}.")


@key_commands.command("rotate-signing")
@click.argument("holder", metavar="SERVICE", type=click.Choice(HOLDERS))
@click.option("--purpose", type=click.Choice(["events", "claims"]), default="events", show_default=True)
@click.option(
    "--overlap-hours",
    type=click.IntRange(0, 720),
    default=int(OVERLAP.total_seconds()) // 3600,
    show_default=True,
    help="How long the old key stays valid. Restart the service's processes within that time.",
)
@with_root
@click.pass_obj
def rotate_signing_command(
    settings: Read, *, holder: str, purpose: str, overlap_hours: int, root: Path | None, shares: tuple[Path, ...]
) -> None:
    """Replace a signing key: a service's, or that of the console's or the command's tokens."""
    chosen, overlap = settings(), timedelta(hours=overlap_hours)
    signs = _purpose_of(holder, purpose)
    new = rotate_signing_key(chosen.keys, _root(chosen, root, shares), holder, signs, system_clock(), overlap=overlap)
    click.echo(f"{holder} signs {signs} with key {new.key_id} from its next start.")
    click.echo(f"Restart its processes within {overlap_hours} hours.")


@key_commands.command("revoke")
@click.argument("key_id")
@with_root
@click.pass_obj
def revoke_command(settings: Read, key_id: str, root: Path | None, shares: tuple[Path, ...]) -> None:
    """Take a key off the roster because somebody else may have it: nothing it ever signed is believed any more."""
    chosen = settings()
    revoke_key(chosen.keys, _root(chosen, root, shares), key_id)
    click.echo(f"{key_id} is off the roster.")


@key_commands.command("rotate-master")
@click.argument("service", type=click.Choice(SERVICES))
@click.confirmation_option(
    prompt="Older backups of this service's key database cannot be read afterwards. Go on?",
    help="Do not ask.",
)
@click.pass_obj
def rotate_master_command(settings: Read, service: str) -> None:
    """Replace a service's master key: wrap every live data key anew and destroy the old one."""
    from shared.database import Database  # noqa: PLC0415
    from shared.vault import Vault  # noqa: PLC0415
    from shared.vault.rotation import rotate_master_key  # noqa: PLC0415

    chosen = settings()
    store = KeyStore(chosen.keys)
    database = Database(chosen.key_database_url(service))
    vault = Vault(database, lambda: store.ring("master", service), service, system_clock)
    count = rotate_master_key(chosen.keys, vault, service)
    click.echo(f"{count} data keys of {service} are wrapped anew, and the old master key is destroyed.")
    click.echo("Make a backup of the keys and of the key database now: older ones of it cannot be read any more.")


@key_commands.command("fingerprint")
@click.pass_obj
def fingerprint_command(settings: Read) -> None:
    """Print the fingerprint of the clinic's root key, to compare it by another way than this machine."""
    click.echo(fingerprint_of(KeyStore(settings().keys).root_public_key()))


@key_commands.command("list")
@click.pass_obj
def list_command(settings: Read) -> None:
    """List the keys on the roster and which of them are in use here."""
    from services.tables import print_rows  # noqa: PLC0415

    store = KeyStore(settings().keys)
    now = system_clock()
    in_use = _in_use(store)
    print_rows(
        ("holder", "for", "key", "valid from", "until", "state"),
        [
            (
                key.holder,
                key.purpose,
                key.key_id,
                utc_text(key.not_before)[:16],
                utc_text(key.not_after)[:16] if key.not_after else "",
                "in use" if key.key_id in in_use else "valid" if key.is_valid(now) else "ended",
            )
            for key in store.roster().current().keys
        ],
    )


def _in_use(store: KeyStore) -> set[str]:
    """Return the ids of the private keys that lie here; in a distributed installation not all of them do."""
    here = [each for each in signing_keys_of(SERVICES) if store.signing_path(*each).exists()]
    return {store.signing_key(holder, purpose).key_id for holder, purpose in here}


def _purpose_of(holder: str, purpose: str) -> Purpose:
    fixed: dict[str, Purpose] = {"console": "staff-tokens", "command": "tool-tokens"}
    return fixed.get(holder, "events" if purpose == "events" else "claims")


def _root(settings: Settings, file: Path | None, shares: tuple[Path, ...]) -> SigningKey:
    """Return the root key: from shares, from a file, or in a trial from where the trial keeps it."""
    if file is not None and shares:
        raise click.UsageError("Give --root or --share, not both.")
    if shares:
        return _recovered(shares, None)
    if file is None and settings.mode == "live":
        raise click.UsageError("Give the root key: --root FILE, or --share FILE for each holder.")
    return read_root(file or KeyStore(settings.keys).root_path)


def _recovered(shares: tuple[Path, ...], fingerprint: str | None) -> SigningKey:
    from shared.keys.shares import recover_root  # noqa: PLC0415

    # Not as strictly as a key: one share says nothing, and a stick often cannot keep rights on files.
    return recover_root([path.read_text(encoding="utf-8", errors="replace") for path in shares], fingerprint)

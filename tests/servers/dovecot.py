"""A private Dovecot: mailboxes over IMAP, with and without TLS, and what a test does in one as its owner would."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from imapclient import IMAPClient

from tests.servers.kept import Kept, MissingServerError, free_port, listens
from tests.servers.mail import make_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path("/usr/sbin/dovecot")
ACCOUNT = "dovecot"  # Debian's package makes it; from root the server takes its rights
PASSWORD = "geheim-met-é"
# Of version 2.3, as Debian 12 and Ubuntu 24.04 have it; 2.4 reads another language.
SETTINGS = """\
protocols = imap
listen = 127.0.0.1
base_dir = {directory}/run
state_dir = {directory}/state
log_path = /dev/stderr
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{certificate}
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:~/mail
mail_plugins = virtual
mailbox_list_index = no
first_valid_uid = 1
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = home={directory}/homes/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Trash {{
    auto = create
    special_use = \\Trash
  }}
}}
namespace all {{
  prefix = Virtual/
  separator = /
  location = virtual:{directory}/virtual:INDEX=~/virtual:CONTROL=~/virtual
}}
"""
TOKENS = """
auth_mechanisms = plain {mechanisms}
passdb {{
  driver = oauth2
  mechanisms = {mechanisms}
  args = {directory}/tokens.conf
}}
"""
TOKEN_SETTINGS = """
introspection_mode = post
introspection_url = {introspection}
username_attribute = username
active_attribute = active
active_value = true
"""
# Keeps what is deleted in a folder of its own, deletes only folder by folder, and speaks no TLS.
OLD_FASHIONED = """
mail_plugins = virtual lazy_expunge
plugin {
  lazy_expunge = Bewaard
}
imap_capability = IMAP4rev1 LITERAL+ MOVE
ssl = no
"""


@dataclass(frozen=True)
class Owner:
    """Whoever reads one mailbox, over a connection of their own for each thing they do."""

    port: int
    account: str

    @contextmanager
    def signed_in(self) -> Iterator[IMAPClient]:
        """Give a connection."""
        with IMAPClient("127.0.0.1", self.port, ssl=False, timeout=30) as client:
            client.plain_login(self.account, PASSWORD)
            yield client

    def receive(self, *mails: bytes, folder: str = "INBOX") -> None:
        """Have mails in a folder, made if it is not there."""
        with self.signed_in() as client:
            if not client.folder_exists(folder):
                client.create_folder(folder)
            for mail in mails:
                client.append(folder, mail)

    def move(self, folder: str, *, source: str = "INBOX") -> None:
        """Move all mails of a folder to another."""
        with self.signed_in() as client:
            if not client.folder_exists(folder):
                client.create_folder(folder)
            client.select_folder(source)
            client.move(client.search("ALL"), folder)

    def mark(self, flag: bytes, folder: str = "INBOX") -> None:
        """Give every mail of a folder a flag."""
        with self.signed_in() as client:
            client.select_folder(folder)
            client.add_flags(client.search("ALL"), [flag])

    def unmark(self, flag: bytes, folder: str = "INBOX") -> None:
        """Take a flag from every mail of a folder."""
        with self.signed_in() as client:
            client.select_folder(folder)
            client.remove_flags(client.search("ALL"), [flag])

    def has(self) -> dict[str, int]:
        """Return how many mails lie in each folder that is not empty."""
        with self.signed_in() as client:
            names = [name for flags, _, name in client.list_folders() if b"\\Noselect" not in flags]
            counts = {name: client.folder_status(name, ["MESSAGES"])[b"MESSAGES"] for name in names}
        return {name: count for name, count in counts.items() if count}

    def flags(self, folder: str = "INBOX") -> list[tuple[bytes, ...]]:
        """Return the flags of every mail of a folder."""
        with self.signed_in() as client:
            client.select_folder(folder, readonly=True)
            return [flags for _, flags in sorted(client.get_flags(client.search("ALL")).items())]


class Dovecot:
    """A server on 127.0.0.1 that knows every account, by one password; a context manager.

    ``more`` are further lines of its configuration. With ``introspection``, where it asks about tokens (RFC 7662), it
    knows them too, by these mechanisms.
    """

    def __init__(self, more: str = "", introspection: str = "", mechanisms: str = "xoauth2 oauthbearer") -> None:
        if not PROGRAM.exists() or not Path("/usr/lib/dovecot/imap").exists():
            raise MissingServerError("no Dovecot: install Debian's dovecot-imapd")
        if not subprocess.check_output([PROGRAM, "--version"], text=True).startswith("2.3."):
            raise MissingServerError("this Dovecot is not of version 2.3, and reads another configuration")
        # Short: the path of a socket is limited.
        self.directory = directory = Path(tempfile.mkdtemp(prefix="discreet-dc-"))
        self.ports = {name: free_port() for name in ("imap", "imaps")}
        self.certificate = make_certificate(directory)
        user = ACCOUNT if os.geteuid() == 0 else ""
        name = user or getpass.getuser()
        group = subprocess.check_output(["id", "-gn", name], text=True).strip()
        for folder in ("run", "state", "homes", "virtual", "virtual/All"):
            (directory / folder).mkdir()
        (directory / "virtual" / "All" / "dovecot-virtual").write_text("*\n-Virtual/*\n  all\n")
        settings = SETTINGS.format(
            directory=directory,
            user=name,
            group=group,
            certificate=self.certificate.path,
            password=PASSWORD,
            **self.ports,
        )
        if introspection:
            (directory / "tokens.conf").write_text(TOKEN_SETTINGS.format(introspection=introspection))
            more += TOKENS.format(directory=directory, mechanisms=mechanisms)
        (directory / "dovecot.conf").write_text(settings + more)
        if user:
            for path in (directory, *directory.rglob("*")):
                shutil.chown(path, user, group)
        self._server = Kept(
            [PROGRAM, "-F", "-c", directory / "dovecot.conf"], directory, user=user, last_signal="SIGTERM"
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def start(self) -> None:
        """Start, again after a ``stop``."""
        self._server.start(lambda: listens(self.ports["imap"]))

    def stop(self) -> None:
        """Stop; connections are refused from now on."""
        self._server.end("SIGTERM")

    def owner(self) -> Owner:
        """Return the owner of a mailbox that nobody has used."""
        return Owner(self.ports["imap"], f"formulieren-{uuid.uuid4().hex[:8]}")

    def settings(self, owner: Owner) -> dict[str, Any]:
        """Return what a register says of this mailbox, over TLS from the first octet."""
        return {
            "host": "127.0.0.1",
            "port": self.ports["imaps"],
            "account": owner.account,
            "password": PASSWORD,
            "authority": self.certificate.path.read_text(),
        }

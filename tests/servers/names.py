"""A real name server on this machine, in the test's own process: small zones, and ways to be of no use."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.resolver
import dns.rrset

from tests.servers.kept import free_port


@dataclass
class NameServer:
    """Answers over UDP on 127.0.0.1 what ``records`` say, a list of ``name TTL IN type data`` by lines.

    It vouches for the names in ``signed`` as a validating resolver does. ``broken`` names fail, and of ``silent``
    ones nothing is heard.
    """

    records: str
    signed: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    patience: float = 10  # seconds that the resolver waits
    port: int = field(default_factory=free_port)
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Start."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop: a datagram without a question ends it."""
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def resolver(self) -> dns.resolver.Resolver:
        """Return a resolver that asks here and nowhere else."""
        made = dns.resolver.Resolver(configure=False)
        made.nameservers, made.port, made.lifetime = ["127.0.0.1"], self.port, self.patience
        return made

    def _serve(self) -> None:
        while True:
            wire, caller = self._socket.recvfrom(4096)
            if not wire:
                return
            query = dns.message.from_wire(wire)
            name = query.question[0].name.to_text(omit_final_dot=True).lower()
            self.asked.append(name)
            if name not in self.silent:
                self._socket.sendto(self._answer(query, name).to_wire(), caller)

    def _answer(self, query: dns.message.QueryMessage, name: str) -> dns.message.Message:
        answer = dns.message.make_response(query)
        [question] = query.question
        there = [line.split(maxsplit=4) for line in self.records.splitlines() if line.split(maxsplit=1)[:1] == [name]]
        data = [parts[4] for parts in there if parts[3] == dns.rdatatype.to_text(question.rdtype)]
        if name in self.broken:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif not there:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif data:
            answer.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", question.rdtype, data))
        if name in self.signed and query.ednsflags & dns.flags.DO:
            answer.flags |= dns.flags.AD
        return answer

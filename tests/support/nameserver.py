"""A real name server on loopback, for the zones that a test writes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset


class Nameserver:
    """Answers over UDP on a port of 127.0.0.1 that the system chose; a context manager.

    Args:
        zone: records by "name TYPE", in the form of a zone file; a CNAME is given out as it is.

    Attributes:
        zone: may be changed at any time.
        silent: whether it hears and says nothing.
        failing: names for which it says that it fails.
        asked: "name TYPE" of every question, in order.
    """

    def __init__(self, zone: Mapping[str, Sequence[str]]) -> None:
        self.zone = dict(zone)
        self.silent = False
        self.failing: set[str] = set()
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            wire, client = self._socket.recvfrom(4096)
            if not wire:
                return
            query = dns.message.from_wire(wire)
            name = query.question[0].name.to_text(omit_final_dot=True)
            kind = dns.rdatatype.to_text(query.question[0].rdtype)
            self.asked.append(f"{name} {kind}")
            if not self.silent:
                self._socket.sendto(self._answer(query, name, kind).to_wire(), client)

    def _answer(self, query: dns.message.Message, name: str, kind: str) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        if name in self.failing:
            answer.set_rcode(dns.rcode.SERVFAIL)
            return answer
        owner = name
        for target in self.zone.get(f"{name} CNAME", ()):
            answer.answer.append(_rrset(owner, "CNAME", [target]))
            owner = target.rstrip(".")
        records = self.zone.get(f"{owner} {kind}", ())
        if records:
            answer.answer.append(_rrset(owner, kind, records))
        elif not any(known.rpartition(" ")[0] == owner for known in self.zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer


def _rrset(owner: str, kind: str, records: Sequence[str]) -> dns.rrset.RRset:
    return dns.rrset.from_text_list(
        f"{owner}.", 60, dns.rdataclass.IN, dns.rdatatype.from_text(kind), list(records)
    )

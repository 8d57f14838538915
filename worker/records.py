"""Questions to the DNS, each with a short time limit.

Records       asks
UnknownError  nobody answered, which says nothing about what is published
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

#: Seconds for one question with all its tries, and for all questions about one domain.
ONE_QUESTION = 3.0
ALL_QUESTIONS = 15.0


class UnknownError(Exception):
    """The DNS gave no answer, neither yes nor no; the text says why in a few words."""


class Records:
    """What is published in the DNS.

    After one silence nothing more is asked: a machine without DNS costs one time limit, not twenty.

    Args:
        nameservers: addresses to ask; None = those of this machine.
        port: theirs.
        seconds: for one question.
        total: seconds for all questions to this object.
    """

    def __init__(
        self,
        nameservers: Sequence[str] | None = None,
        *,
        port: int = 53,
        seconds: float = ONE_QUESTION,
        total: float = ALL_QUESTIONS,
    ) -> None:
        self._nameservers, self._port = nameservers, port
        self._seconds, self._total = seconds, total
        self._ends_at: float | None = None
        self._silent: str | None = None

    def texts(self, name: str) -> list[str]:
        """Return the TXT records of a name, each in one piece; none if there are none.

        Raises:
            UnknownError: if nobody answers.
        """
        return [
            b"".join(record.strings).decode("utf-8", "replace")
            for record in self._ask(name, dns.rdatatype.TXT)
        ]

    def mail_servers(self, name: str) -> list[str]:
        """Return the hosts of the MX records, the preferred first; "" stands for "no mail here".

        Raises:
            UnknownError: if nobody answers.
        """
        found = sorted(self._ask(name, dns.rdatatype.MX), key=lambda record: record.preference)
        return [record.exchange.to_text(omit_final_dot=True).lower().strip(".") for record in found]

    def addresses(self, name: str) -> list[str]:
        """Return the IPv4 and IPv6 addresses of a host.

        Raises:
            UnknownError: if nobody answers.
        """
        kinds = (dns.rdatatype.A, dns.rdatatype.AAAA)
        return [record.address for kind in kinds for record in self._ask(name, kind)]

    def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> list[Any]:
        if self._silent is not None:
            raise UnknownError(self._silent)
        now = time.monotonic()
        self._ends_at = self._ends_at or now + self._total
        left = min(self._seconds, self._ends_at - now)
        if left <= 0:
            raise UnknownError("DNS answers too slowly")
        try:
            resolver = dns.resolver.Resolver(configure=self._nameservers is None)
            if self._nameservers is not None:
                resolver.nameservers = list(self._nameservers)
                resolver.port = self._port
            resolver.timeout, resolver.lifetime = left / 2, left
            answer = resolver.resolve(
                dns.name.from_text(name), kind, search=False, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN:
            return []
        except dns.exception.Timeout:
            self._silent = "DNS does not answer"
        except dns.resolver.NoResolverConfiguration:
            self._silent = "this machine has no DNS"
        except (dns.resolver.NoNameservers, dns.resolver.YXDOMAIN):
            raise UnknownError(f"DNS fails on {name}") from None
        except (dns.exception.DNSException, OSError, UnicodeError):
            raise UnknownError(f"DNS cannot be asked for {name[:80]}") from None
        else:
            return list(answer.rrset or ())
        raise UnknownError(self._silent)

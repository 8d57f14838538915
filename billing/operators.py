"""Where the operator of an ISP is told: add a destination, take one away."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select

from billing.identity import OPERATOR_PURPOSE
from billing.isps import SetupError, find_isp
from billing.ports import DestinationError, MessengerPort, ParsedDestination, VaultPort
from models.database import Database
from models.isp import Transport
from models.operator import OperatorChannel


class Operators:
    """The use-case.

    Args:
        database: rows.
        vault: seals destinations, makes the keyed hashes.
        messenger: understands destinations.
    """

    def __init__(self, database: Database, vault: VaultPort, messenger: MessengerPort) -> None:
        self._database = database
        self._vault = vault
        self._messenger = messenger

    def add(self, slug: str, destination: str, *, now: datetime) -> tuple[str, str | None]:
        """This function will keep a destination, once however often it is added.

        Args:
            slug: the ISP.
            destination: in any form that a customer's may have.
            now: the present.

        Returns:
            Its label, and the kind of sending account that it still needs, if any.

        Raises:
            SetupError: if the ISP is unknown or the destination is unusable.
        """
        parsed, digest = self._understood(destination)
        with self._database.write() as session:
            isp = find_isp(session, slug)
            row = session.scalars(
                select(OperatorChannel).where(
                    OperatorChannel.isp_id == isp.id,
                    OperatorChannel.destination_digest == digest,
                )
            ).first()
            if row is None:
                session.add(
                    OperatorChannel(
                        isp_id=isp.id,
                        scheme=parsed.scheme,
                        medium=parsed.medium.value,
                        destination_sealed=self._vault.seal(parsed.value),
                        destination_digest=digest,
                        needs_transport=parsed.needs_transport,
                        label=parsed.label[:120],
                        created_at=now,
                    )
                )
            schemes = session.scalars(select(Transport.scheme).where(Transport.isp_id == isp.id))
            missing = parsed.needs_transport and parsed.scheme not in set(schemes)
        return parsed.label, parsed.scheme if missing else None

    def remove(self, slug: str, destination: str) -> str:
        """This function will forget a destination and what it was told; return its label.

        Raises:
            SetupError: if the ISP is unknown, or has no such destination, with those that it has.
        """
        _, digest = self._understood(destination)
        with self._database.write() as session:
            isp = find_isp(session, slug)
            label = session.scalars(
                delete(OperatorChannel)
                .where(
                    OperatorChannel.isp_id == isp.id,
                    OperatorChannel.destination_digest == digest,
                )
                .returning(OperatorChannel.label)
            ).first()
            if label is None:
                labels = session.scalars(
                    select(OperatorChannel.label).where(OperatorChannel.isp_id == isp.id)
                ).all()
                known = ", ".join(labels) or "none"
                raise SetupError(f"{slug} tells no operator at this destination; known: {known}")
        return label

    def _understood(self, destination: str) -> tuple[ParsedDestination, str]:
        try:
            parsed = self._messenger.parse_destination(destination)
        except DestinationError as error:
            raise SetupError(str(error)) from None
        clear = f"{parsed.scheme} {parsed.value}"
        return parsed, self._vault.digest(clear, purpose=OPERATOR_PURPOSE)

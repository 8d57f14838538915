"""The customer: an account, its channels, and the contracts that prove what is theirs."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from models.base import Base
from models.isp import Isp


class Account(Base):
    """One Wispro client. Paired while `paired_at` is set and `unpaired_at` is not.

    `login_digest` is the keyed hash of the portal's login link; the link itself is never kept. The
    national id is sealed (Wispro filters by it) and hashed (staff look people up by it), the e-mail
    address only hashed. `words` are the name's, as `alerta find` looks for them.
    `looked_at` is when the last complete look at this account alone began; `baseline_at` when the
    first look did. `contact_hours` narrows the ISP's; `steps_off` names steps that this customer
    does not want ("due_soon -5d", "overdue"). `next_look_at` is None while whole-ISP looks cover
    the account. `fingerprint` is of the client's record as it was laid onto this row from a list:
    an equal one needs no reading. Since `forgotten_at` the row names nobody: evidence hangs on it.
    """

    __tablename__ = "account"
    __table_args__ = (
        UniqueConstraint("isp_id", "client_id"),
        Index(None, "isp_id", "next_look_at"),
        Index(None, "isp_id", "login_digest"),
        Index(None, "isp_id", "national_id_digest"),
        Index(None, "isp_id", "public_id"),
        Index(None, "isp_id", "custom_id"),
        Index(None, "isp_id", "email_digest"),
        # Those who left, and nobody else.
        Index(
            None,
            *("isp_id", "unpaired_at"),
            sqlite_where=text("unpaired_at IS NOT NULL"),
            postgresql_where=text("unpaired_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"))
    client_id: Mapped[str] = mapped_column(String(64))
    public_id: Mapped[int | None]
    custom_id: Mapped[str | None] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(300))
    national_id_sealed: Mapped[str | None] = mapped_column(Text)
    national_id_digest: Mapped[str | None] = mapped_column(String(64))
    email_digest: Mapped[str | None] = mapped_column(String(64))
    login_digest: Mapped[str | None] = mapped_column(String(64))
    locale: Mapped[str | None] = mapped_column(String(16))
    contact_hours: Mapped[str | None] = mapped_column(String(200))
    steps_off: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    paired_at: Mapped[datetime | None]
    unpaired_at: Mapped[datetime | None]
    baseline_at: Mapped[datetime | None]
    looked_at: Mapped[datetime | None]
    next_look_at: Mapped[datetime | None]
    look_trouble: Mapped[str | None] = mapped_column(String(300))
    fingerprint: Mapped[int | None] = mapped_column(BigInteger)
    forgotten_at: Mapped[datetime | None]

    isp: Mapped[Isp] = relationship()
    channels: Mapped[list[Channel]] = relationship(
        back_populates="account", order_by="Channel.position, Channel.id"
    )
    words: Mapped[list[AccountWord]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True
    )

    @property
    def paired(self) -> bool:
        """Whether this customer asked for alerts and still wants them."""
        return self.paired_at is not None and self.unpaired_at is None


class AccountWord(Base):
    """One word of an account's name, without accents and in lower case: found by its beginning.

    `isp_id` is the account's. Words are compared by their bytes, so that one range of the index
    holds all that begin alike.
    """

    __tablename__ = "account_word"
    __table_args__ = (Index(None, "isp_id", "word", "account_id"), {"sqlite_with_rowid": False})

    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    word: Mapped[str] = mapped_column(
        String(40).with_variant(String(40, collation="C"), "postgresql"), primary_key=True
    )
    isp_id: Mapped[int]


class Channel(Base):
    """One destination of one account: an address on the ISP's transport, or an Apprise URL.

    `position` orders an account's channels, the first goes first. It is closed while `disabled_at`
    is set: by its provider, by whoever reads there, or by staff (`disabled_by`). One that staff
    took away has `removed_at` as well; its row stays, since deliveries and evidence hang on it.
    `ban_risk_accepted_by` said that a gateway which WhatsApp may block is used all the same.
    """

    __tablename__ = "channel"
    __table_args__ = (
        UniqueConstraint("account_id", "destination_digest"),
        Index(None, "destination_digest"),
        Index(None, "disabled_at"),
        Index(None, "label"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    scheme: Mapped[str] = mapped_column(String(32))
    medium: Mapped[str] = mapped_column(String(8))
    destination_sealed: Mapped[str] = mapped_column(Text)
    destination_digest: Mapped[str] = mapped_column(String(64))
    needs_transport: Mapped[bool]
    label: Mapped[str] = mapped_column(String(120))
    position: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None] = mapped_column(String(300))
    disabled_by: Mapped[str | None] = mapped_column(String(100))
    removed_at: Mapped[datetime | None]
    ban_risk_accepted_at: Mapped[datetime | None]
    ban_risk_accepted_by: Mapped[str | None] = mapped_column(String(100))

    account: Mapped[Account] = relationship(back_populates="channels")


class Contract(Base):
    """The contract map: which client a contract belongs to. Nothing else of it is kept.

    `seen_at` is when Wispro last named its client to us. `fingerprint` is of the record that says
    just what this row says; whoever writes the client or the state forgets it. `alerted_on` is the
    day on which we saw it become `alerted`, while it is.
    """

    __tablename__ = "contract"
    __table_args__ = (Index(None, "state", "isp_id"), Index(None, "isp_id", "public_id"))

    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"), primary_key=True)
    contract_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    client_id: Mapped[str] = mapped_column(String(64), index=True)
    public_id: Mapped[int | None]
    state: Mapped[str] = mapped_column(String(16))
    seen_at: Mapped[datetime]
    alerted_on: Mapped[date | None]
    fingerprint: Mapped[int | None] = mapped_column(BigInteger)

    @validates("client_id", "state")
    def _forget_fingerprint(self, _name: str, value: str) -> str:
        self.fingerprint = None
        return value


#: Every contract with the paired account that holds it, if one does. On the tables and not on the
#: classes: each page of a long list asks this.
CONTRACT_HOLDERS = Contract.__table__.outerjoin(
    Account.__table__,
    (Account.__table__.c.isp_id == Contract.__table__.c.isp_id)
    & (Account.__table__.c.client_id == Contract.__table__.c.client_id)
    & Account.__table__.c.paired_at.is_not(None)
    & Account.__table__.c.unpaired_at.is_(None),
)

"""Find customers by name, e-mail, ids and invoice number; record what people do by hand."""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

import models.base

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

_ROWS = 10_000


def upgrade() -> None:
    op.create_table('audit',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('at', models.base.Instant(), nullable=False),
    sa.Column('who', sa.String(length=100), nullable=False),
    sa.Column('command', sa.String(length=60), nullable=False),
    sa.Column('arguments', sa.JSON(), nullable=False),
    sa.Column('isp_id', sa.Integer(), nullable=True),
    sa.Column('isp', sa.String(length=64), nullable=True),
    sa.Column('account_id', sa.Integer(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit'))
    )
    op.create_index(op.f('ix_audit_at'), 'audit', ['at'])
    op.create_index(op.f('ix_audit_isp_at'), 'audit', ['isp', 'at'])
    op.create_index(op.f('ix_audit_account_id_at'), 'audit', ['account_id', 'at'])
    op.create_table('audit_end',
    sa.Column('entry_id', sa.Integer(), nullable=False),
    sa.Column('at', models.base.Instant(), nullable=False),
    sa.Column('outcome', sa.String(length=10), nullable=False),
    sa.Column('detail', sa.String(length=300), nullable=True),
    sa.Column('account_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['entry_id'], ['audit.id'], name=op.f('fk_audit_end_entry_id_audit'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('entry_id', name=op.f('pk_audit_end'))
    )
    op.create_index(op.f('ix_audit_end_account_id'), 'audit_end', ['account_id'])
    word = sa.String(length=40).with_variant(sa.String(length=40, collation='C'), 'postgresql')
    op.create_table('account_word',
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('word', word, nullable=False),
    sa.Column('isp_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_account_word_account_id_account'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('account_id', 'word', name=op.f('pk_account_word')),
    sqlite_with_rowid=False,
    )
    op.add_column('account', sa.Column('email_digest', sa.String(length=64), nullable=True))
    op.add_column('invoice', sa.Column('number_end', sa.String(length=64), nullable=True))
    _fill_words(op.get_bind())
    _fill_number_ends(op.get_bind())
    # The next look reads each client again, and keeps the digest of the e-mail address.
    op.execute('UPDATE account SET fingerprint = NULL')
    op.create_index(op.f('ix_account_word_isp_id_word_account_id'), 'account_word', ['isp_id', 'word', 'account_id'])
    op.create_index(op.f('ix_account_isp_id_public_id'), 'account', ['isp_id', 'public_id'])
    op.create_index(op.f('ix_account_isp_id_custom_id'), 'account', ['isp_id', 'custom_id'])
    op.create_index(op.f('ix_account_isp_id_email_digest'), 'account', ['isp_id', 'email_digest'])
    op.create_index(op.f('ix_channel_label'), 'channel', ['label'])
    op.create_index(op.f('ix_contract_isp_id_public_id'), 'contract', ['isp_id', 'public_id'])
    op.create_index(op.f('ix_invoice_isp_id_number_end'), 'invoice', ['isp_id', 'number_end'])


def _fill_words(connection: sa.Connection) -> None:
    """Take the names apart as the code of this revision does."""
    account = sa.table('account', sa.column('id'), sa.column('isp_id'), sa.column('name'))
    word = sa.table('account_word', sa.column('account_id'), sa.column('word'), sa.column('isp_id'))
    last = 0
    while True:
        rows = connection.execute(
            sa.select(account.c.id, account.c.isp_id, account.c.name)
            .where(account.c.id > last).order_by(account.c.id).limit(_ROWS)
        ).all()
        if not rows:
            return
        last = rows[-1].id
        given = [
            {'account_id': row.id, 'word': one, 'isp_id': row.isp_id}
            for row in rows
            for one in _words(row.name)
        ]
        if given:
            connection.execute(sa.insert(word), given)


def _words(name: str) -> list[str]:
    plain = unicodedata.normalize('NFKD', unicodedata.normalize('NFKD', name.casefold()).casefold())
    kept = ''.join(one for one in plain if not unicodedata.combining(one))
    return list(dict.fromkeys(one[:40] for one in re.findall(r'[^\W_]+', kept)))[:16]


def _fill_number_ends(connection: sa.Connection) -> None:
    if connection.dialect.name == 'postgresql':
        connection.execute(sa.text(
            "UPDATE invoice SET number_end = coalesce(nullif(ltrim(substring(number from "
            "'([0-9]+)[^0-9]*$'), '0'), ''), '0') WHERE number ~ '[0-9]'"
        ))
        return
    connection.connection.create_function('number_end', 1, _number_end, deterministic=True)
    connection.execute(sa.text(
        "UPDATE invoice SET number_end = number_end(number) WHERE number GLOB '*[0-9]*'"
    ))


def _number_end(number: str) -> str | None:
    found = re.findall('[0-9]+', number)
    return (found[-1].lstrip('0') or '0') if found else None


def downgrade() -> None:
    op.drop_index(op.f('ix_invoice_isp_id_number_end'), table_name='invoice')
    op.drop_index(op.f('ix_contract_isp_id_public_id'), table_name='contract')
    op.drop_index(op.f('ix_channel_label'), table_name='channel')
    op.drop_index(op.f('ix_account_isp_id_email_digest'), table_name='account')
    op.drop_index(op.f('ix_account_isp_id_custom_id'), table_name='account')
    op.drop_index(op.f('ix_account_isp_id_public_id'), table_name='account')
    op.drop_column('invoice', 'number_end')
    op.drop_column('account', 'email_digest')
    op.drop_table('account_word')
    op.drop_table('audit_end')
    op.drop_table('audit')

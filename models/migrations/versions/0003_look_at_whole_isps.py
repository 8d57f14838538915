"""Look at whole ISPs: where we stand in their lists, what waits to be laid down, what holds it."""

import sqlalchemy as sa
from alembic import op

import models.base

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('listing_mark',
    sa.Column('isp_id', sa.Integer(), nullable=False),
    sa.Column('listing', sa.String(length=20), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('newest', sa.JSON(), nullable=False),
    sa.Column('crawl_page', sa.Integer(), nullable=True),
    sa.Column('crawl_started_at', models.base.Instant(), nullable=True),
    sa.Column('crawl_seen', sa.LargeBinary(), nullable=True),
    sa.Column('crawl_total', sa.Integer(), nullable=False),
    sa.Column('crawl_foreign', sa.Integer(), nullable=False),
    sa.Column('crawl_trouble', sa.String(length=300), nullable=True),
    sa.Column('crawled_at', models.base.Instant(), nullable=True),
    sa.ForeignKeyConstraint(['isp_id'], ['isp.id'], name=op.f('fk_listing_mark_isp_id_isp'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('isp_id', 'listing', name=op.f('pk_listing_mark'))
    )
    op.create_table('probe',
    sa.Column('isp_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('found', sa.String(length=40), nullable=False),
    sa.Column('probed_at', models.base.Instant(), nullable=False),
    sa.ForeignKeyConstraint(['isp_id'], ['isp.id'], name=op.f('fk_probe_isp_id_isp'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('isp_id', 'name', name=op.f('pk_probe'))
    )
    op.create_table('proposal',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('isp_id', sa.Integer(), nullable=False),
    sa.Column('sync_run_id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=12), nullable=False),
    sa.Column('subject', sa.String(length=64), nullable=False),
    sa.Column('asked_at', models.base.Instant(), nullable=False),
    sa.Column('facts', sa.JSON(), nullable=False),
    sa.Column('fingerprint', sa.BigInteger(), nullable=True),
    sa.Column('confirm', sa.String(length=64), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_proposal_account_id_account'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['isp_id'], ['isp.id'], name=op.f('fk_proposal_isp_id_isp'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['sync_run_id'], ['sync_run.id'], name=op.f('fk_proposal_sync_run_id_sync_run'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_proposal')),
    sa.UniqueConstraint('sync_run_id', 'kind', 'subject', name=op.f('uq_proposal_sync_run_id_kind_subject'))
    )
    with op.batch_alter_table('proposal', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_proposal_isp_id'), ['isp_id'], unique=False)

    with op.batch_alter_table('invoice', schema=None) as batch_op:
        batch_op.add_column(sa.Column('was_pending', sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column('fingerprint', sa.BigInteger(), nullable=True))
        batch_op.create_index(batch_op.f('ix_invoice_state_isp_id'), ['state', 'isp_id'], unique=False)

    # What the changes on record tell, the row knows from now on.
    op.execute(
        "UPDATE invoice SET was_pending = true WHERE state = 'pending' OR EXISTS ("
        "SELECT 1 FROM change WHERE change.invoice_id = invoice.id AND (lower(change.before) = 'pending'"
        " OR (change.kind = 'appeared' AND lower(change.after) = 'pending')))"
    )
    op.execute("DELETE FROM change WHERE baseline")
    with op.batch_alter_table('change', schema=None) as batch_op:
        batch_op.drop_column('baseline')

    with op.batch_alter_table('contract', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_contract_state_isp_id'), ['state', 'isp_id'], unique=False)

    with op.batch_alter_table('isp', schema=None) as batch_op:
        batch_op.add_column(sa.Column('strategy', sa.String(length=10), nullable=False, server_default='accounts'))
        batch_op.add_column(sa.Column('next_sync_at', models.base.Instant(), nullable=True))
        batch_op.add_column(sa.Column('swept_at', models.base.Instant(), nullable=True))
        batch_op.add_column(sa.Column('full_every_days', sa.Integer(), nullable=False, server_default='7'))
        batch_op.add_column(sa.Column('failures', sa.Integer(), nullable=False, server_default='0'))
        batch_op.add_column(sa.Column('hold_share', sa.Integer(), nullable=False, server_default='20'))
        batch_op.add_column(sa.Column('hold_at_least', sa.Integer(), nullable=False, server_default='50'))
        batch_op.add_column(sa.Column('hold_volume', sa.Integer(), nullable=False, server_default='3'))
        batch_op.add_column(sa.Column('held_run_id', sa.Integer(), nullable=True))

    with op.batch_alter_table('sync_run', schema=None) as batch_op:
        batch_op.add_column(sa.Column('why', sa.String(length=300), nullable=True))
        batch_op.add_column(sa.Column('decision', sa.String(length=12), nullable=True))
        batch_op.add_column(sa.Column('decided_at', models.base.Instant(), nullable=True))
        batch_op.add_column(sa.Column('pages', sa.Integer(), nullable=False, server_default='0'))



def downgrade() -> None:
    with op.batch_alter_table('sync_run', schema=None) as batch_op:
        batch_op.drop_column('pages')
        batch_op.drop_column('decided_at')
        batch_op.drop_column('decision')
        batch_op.drop_column('why')

    with op.batch_alter_table('isp', schema=None) as batch_op:
        batch_op.drop_column('held_run_id')
        batch_op.drop_column('hold_volume')
        batch_op.drop_column('hold_at_least')
        batch_op.drop_column('hold_share')
        batch_op.drop_column('failures')
        batch_op.drop_column('full_every_days')
        batch_op.drop_column('swept_at')
        batch_op.drop_column('next_sync_at')
        batch_op.drop_column('strategy')

    with op.batch_alter_table('contract', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_contract_state_isp_id'))

    with op.batch_alter_table('invoice', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_invoice_state_isp_id'))
        batch_op.drop_column('fingerprint')
        batch_op.drop_column('was_pending')

    with op.batch_alter_table('change', schema=None) as batch_op:
        batch_op.add_column(sa.Column('baseline', sa.Boolean(), nullable=False, server_default=sa.false()))

    with op.batch_alter_table('proposal', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_proposal_isp_id'))

    op.drop_table('proposal')
    op.drop_table('probe')
    op.drop_table('listing_mark')

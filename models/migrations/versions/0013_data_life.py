"""ISPs can be switched off, customers forgotten; rows go by what they hang on without a search."""

import sqlalchemy as sa
from alembic import op

import models.base

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None

#: Foreign keys that were followed from below only: whoever removes what is above reads them.
FOLLOWED = (
    ('delivery', 'channel_id'),
    ('hold', 'invoice_id'),
    ('proposal', 'account_id'),
    ('sync_run', 'account_id'),
)


def upgrade() -> None:
    op.add_column('isp', sa.Column('disabled_at', models.base.Instant(), nullable=True))
    op.add_column('isp', sa.Column('disabled_by', sa.String(length=100), nullable=True))
    op.add_column('isp', sa.Column('disabled_reason', sa.String(length=200), nullable=True))
    op.add_column('isp', sa.Column('retention', sa.String(length=500), nullable=True))
    op.add_column('account', sa.Column('forgotten_at', models.base.Instant(), nullable=True))
    for table, column in FOLLOWED:
        op.create_index(op.f(f'ix_{table}_{column}'), table, [column])
    op.create_index(op.f('ix_alert_isp_id_created_at'), 'alert', ['isp_id', 'created_at'])
    op.create_index(op.f('ix_change_isp_id_at'), 'change', ['isp_id', 'at'])
    op.create_index(
        op.f('ix_account_isp_id_unpaired_at'),
        'account',
        ['isp_id', 'unpaired_at'],
        sqlite_where=sa.text('unpaired_at IS NOT NULL'),
        postgresql_where=sa.text('unpaired_at IS NOT NULL'),
    )


def downgrade() -> None:
    op.drop_index(op.f('ix_account_isp_id_unpaired_at'), table_name='account')
    op.drop_index(op.f('ix_change_isp_id_at'), table_name='change')
    op.drop_index(op.f('ix_alert_isp_id_created_at'), table_name='alert')
    for table, column in FOLLOWED:
        op.drop_index(op.f(f'ix_{table}_{column}'), table_name=table)
    with op.batch_alter_table('account') as batch:
        batch.drop_column('forgotten_at')
    with op.batch_alter_table('isp') as batch:
        batch.drop_column('retention')
        batch.drop_column('disabled_reason')
        batch.drop_column('disabled_by')
        batch.drop_column('disabled_at')

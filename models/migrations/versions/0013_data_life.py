"""ISPs can be switched off, customers forgotten; rows go by what they hang on without a search."""

import sqlalchemy as sa
from alembic import op

import models.base

revision = '0013'
down_revision = '0010'
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


def downgrade() -> None:
    for table, column in FOLLOWED:
        op.drop_index(op.f(f'ix_{table}_{column}'), table_name=table)
    with op.batch_alter_table('account') as batch:
        batch.drop_column('forgotten_at')
    with op.batch_alter_table('isp') as batch:
        batch.drop_column('retention')
        batch.drop_column('disabled_reason')
        batch.drop_column('disabled_by')
        batch.drop_column('disabled_at')

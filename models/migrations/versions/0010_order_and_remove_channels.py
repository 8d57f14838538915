"""Channels have an order, can be taken away, and say who closed them."""

import sqlalchemy as sa
from alembic import op

import models.base

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('channel', sa.Column('position', sa.Integer(), server_default='1', nullable=False))
    op.add_column('channel', sa.Column('disabled_by', sa.String(length=100), nullable=True))
    op.add_column('channel', sa.Column('removed_at', models.base.Instant(), nullable=True))
    op.add_column('channel', sa.Column('ban_risk_accepted_at', models.base.Instant(), nullable=True))
    op.add_column('channel', sa.Column('ban_risk_accepted_by', sa.String(length=100), nullable=True))
    # The order in which they were added is the order in which they were used so far.
    op.execute(
        'UPDATE channel SET position = (SELECT count(*) FROM channel AS other '
        'WHERE other.account_id = channel.account_id AND other.id <= channel.id)'
    )


def downgrade() -> None:
    with op.batch_alter_table('channel') as batch:
        batch.drop_column('ban_risk_accepted_by')
        batch.drop_column('ban_risk_accepted_at')
        batch.drop_column('removed_at')
        batch.drop_column('disabled_by')
        batch.drop_column('position')

"""Budgets of text messages, since when a sending account rests, channels by when they closed."""

import sqlalchemy as sa
from alembic import op

import models.base

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('budget',
    sa.Column('isp_id', sa.Integer(), nullable=False),
    sa.Column('medium', sa.String(length=8), nullable=False),
    sa.Column('segments', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['isp_id'], ['isp.id'], name=op.f('fk_budget_isp_id_isp'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('isp_id', 'medium', name=op.f('pk_budget'))
    )
    op.add_column('attempt', sa.Column('segments', sa.Integer(), nullable=True))
    op.add_column('attempt', sa.Column('charged_to', sa.Integer(), nullable=True))
    op.create_index(
        op.f('ix_attempt_charged_to_started_at_fate_segments'),
        'attempt',
        ['charged_to', 'started_at', 'fate', 'segments'],
        sqlite_where=sa.text('charged_to IS NOT NULL'),
        postgresql_where=sa.text('charged_to IS NOT NULL'),
    )
    op.add_column('provider', sa.Column('trouble_since', models.base.Instant(), nullable=True))
    op.add_column('provider', sa.Column('told_since', models.base.Instant(), nullable=True))
    op.create_index(op.f('ix_channel_disabled_at'), 'channel', ['disabled_at'])


def downgrade() -> None:
    op.drop_index(op.f('ix_channel_disabled_at'), table_name='channel')
    op.drop_column('provider', 'told_since')
    op.drop_column('provider', 'trouble_since')
    op.drop_index(op.f('ix_attempt_charged_to_started_at_fate_segments'), table_name='attempt')
    op.drop_column('attempt', 'charged_to')
    op.drop_column('attempt', 'segments')
    op.drop_table('budget')

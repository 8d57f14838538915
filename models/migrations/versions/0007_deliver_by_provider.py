"""Deliveries by route, attempts by sending account, pauses and limits of providers."""

import sqlalchemy as sa
from alembic import op

import models.base

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('provider',
    sa.Column('key', sa.String(length=32), nullable=False),
    sa.Column('paused_until', models.base.Instant(), nullable=True),
    sa.Column('paused_why', sa.String(length=200), nullable=True),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_provider'))
    )
    op.add_column('transport', sa.Column('limits', sa.String(length=200), nullable=True))
    op.add_column('attempt', sa.Column('provider', sa.String(length=32), nullable=True))
    op.create_index(op.f('ix_attempt_provider_started_at'), 'attempt', ['provider', 'started_at'])
    op.add_column('delivery', sa.Column('route', sa.String(length=32), nullable=True))
    op.execute(
        'UPDATE delivery SET route = (SELECT channel.scheme FROM channel WHERE channel.id = delivery.channel_id)'
    )
    with op.batch_alter_table('delivery') as batch:
        batch.alter_column('route', existing_type=sa.String(length=32), nullable=False)
        batch.drop_index(op.f('ix_delivery_state_not_before'))
        batch.create_index(op.f('ix_delivery_state_isp_id_route_not_before'), ['state', 'isp_id', 'route', 'not_before'])


def downgrade() -> None:
    with op.batch_alter_table('delivery') as batch:
        batch.drop_index(op.f('ix_delivery_state_isp_id_route_not_before'))
        batch.create_index(op.f('ix_delivery_state_not_before'), ['state', 'not_before'])
        batch.drop_column('route')
    op.drop_index(op.f('ix_attempt_provider_started_at'), table_name='attempt')
    op.drop_column('attempt', 'provider')
    op.drop_column('transport', 'limits')
    op.drop_table('provider')

"""Whoever waited longest is served next: looks by ISP, sends by route. Records by ISP."""

import sqlalchemy as sa
from alembic import op

import models.base

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('isp', sa.Column('sync_turn_at', models.base.Instant(), nullable=True))
    op.create_index(op.f('ix_audit_isp_id_at'), 'audit', ['isp_id', 'at'])
    op.create_table(
        'route_turn',
        sa.Column('isp_id', sa.Integer(), nullable=False),
        sa.Column('route', sa.String(length=32), nullable=False),
        sa.Column('at', models.base.Instant(), nullable=True),
        sa.Column('rests_until', models.base.Instant(), nullable=True),
        sa.ForeignKeyConstraint(['isp_id'], ['isp.id'], name=op.f('fk_route_turn_isp_id_isp'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('isp_id', 'route', name=op.f('pk_route_turn')),
    )


def downgrade() -> None:
    op.drop_index(op.f('ix_audit_isp_id_at'), 'audit')
    op.drop_table('route_turn')
    with op.batch_alter_table('isp') as batch:
        batch.drop_column('sync_turn_at')

"""Ticks, silences, heartbeats and the operator's digest of each morning."""

import sqlalchemy as sa
from alembic import op

import models.base

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('tick',
    sa.Column('name', sa.String(length=20), nullable=False),
    sa.Column('at', models.base.Instant(), nullable=False),
    sa.Column('since', models.base.Instant(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_tick'))
    )
    op.create_table('vigil',
    sa.Column('isp_id', sa.Integer(), nullable=False),
    sa.Column('no_look_since', models.base.Instant(), nullable=True),
    sa.Column('no_send_at', models.base.Instant(), nullable=True),
    sa.Column('no_send_why', sa.String(length=20), nullable=True),
    sa.Column('digested_until', sa.Date(), nullable=True),
    sa.ForeignKeyConstraint(['isp_id'], ['isp.id'], name=op.f('fk_vigil_isp_id_isp'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('isp_id', name=op.f('pk_vigil'))
    )
    op.create_table('heartbeat',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('isp_id', sa.Integer(), nullable=True),
    sa.Column('url_sealed', sa.Text(), nullable=True),
    sa.Column('tells_failures', sa.Boolean(), nullable=False),
    sa.Column('looked_at', models.base.Instant(), nullable=True),
    sa.Column('failed_at', models.base.Instant(), nullable=True),
    sa.Column('pinged_at', models.base.Instant(), nullable=True),
    sa.Column('lease_until', models.base.Instant(), nullable=True),
    sa.Column('trouble', sa.String(length=200), nullable=True),
    sa.ForeignKeyConstraint(['isp_id'], ['isp.id'], name=op.f('fk_heartbeat_isp_id_isp'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_heartbeat')),
    sa.UniqueConstraint('name', name=op.f('uq_heartbeat_name'))
    )
    op.add_column('isp', sa.Column('no_look_hours', sa.Integer(), server_default='6', nullable=False))
    op.add_column('isp', sa.Column('no_send_hours', sa.Integer(), server_default='2', nullable=False))
    op.add_column('isp', sa.Column('digest_days', sa.String(length=8), server_default='daily', nullable=False))
    op.add_column('isp', sa.Column('digest_at', sa.String(length=5), server_default='08:00', nullable=False))


def downgrade() -> None:
    with op.batch_alter_table('isp') as batch:
        batch.drop_column('digest_at')
        batch.drop_column('digest_days')
        batch.drop_column('no_send_hours')
        batch.drop_column('no_look_hours')
    op.drop_table('heartbeat')
    op.drop_table('vigil')
    op.drop_table('tick')

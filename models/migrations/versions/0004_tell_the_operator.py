"""Tell the operator: where to, and what they were told."""

import sqlalchemy as sa
from alembic import op

import models.base

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('operator_channel',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('isp_id', sa.Integer(), nullable=False),
    sa.Column('scheme', sa.String(length=32), nullable=False),
    sa.Column('medium', sa.String(length=8), nullable=False),
    sa.Column('destination_sealed', sa.Text(), nullable=False),
    sa.Column('destination_digest', sa.String(length=64), nullable=False),
    sa.Column('needs_transport', sa.Boolean(), nullable=False),
    sa.Column('label', sa.String(length=120), nullable=False),
    sa.Column('created_at', models.base.Instant(), nullable=False),
    sa.ForeignKeyConstraint(['isp_id'], ['isp.id'], name=op.f('fk_operator_channel_isp_id_isp'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_operator_channel')),
    sa.UniqueConstraint('isp_id', 'destination_digest', name=op.f('uq_operator_channel_isp_id_destination_digest'))
    )
    op.create_table('operator_notice',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('isp_id', sa.Integer(), nullable=False),
    sa.Column('channel_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('subject', sa.String(length=100), nullable=False),
    sa.Column('details', sa.JSON(), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('reason', sa.String(length=24), nullable=True),
    sa.Column('detail', sa.String(length=500), nullable=True),
    sa.Column('message_id', sa.String(length=120), nullable=False),
    sa.Column('not_before', models.base.Instant(), nullable=False),
    sa.Column('useful_until', models.base.Instant(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('lease_until', models.base.Instant(), nullable=True),
    sa.Column('begun_at', models.base.Instant(), nullable=True),
    sa.Column('created_at', models.base.Instant(), nullable=False),
    sa.Column('sent_at', models.base.Instant(), nullable=True),
    sa.Column('settled_at', models.base.Instant(), nullable=True),
    sa.ForeignKeyConstraint(['channel_id'], ['operator_channel.id'], name=op.f('fk_operator_notice_channel_id_operator_channel'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['isp_id'], ['isp.id'], name=op.f('fk_operator_notice_isp_id_isp'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_operator_notice')),
    sa.UniqueConstraint('isp_id', 'channel_id', 'kind', 'subject', name=op.f('uq_operator_notice_isp_id_channel_id_kind_subject'))
    )
    with op.batch_alter_table('operator_notice', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_operator_notice_channel_id'), ['channel_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_operator_notice_state_not_before'), ['state', 'not_before'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('operator_notice', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_operator_notice_state_not_before'))
        batch_op.drop_index(batch_op.f('ix_operator_notice_channel_id'))

    op.drop_table('operator_notice')
    op.drop_table('operator_channel')

"""Pair by a link: codes that work once, bots that listen, what they were asked."""

import sqlalchemy as sa
from alembic import op

import models.base

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('pair_code',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('isp_id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('purpose', sa.String(length=16), nullable=False),
    sa.Column('created_at', models.base.Instant(), nullable=False),
    sa.Column('created_by', sa.String(length=100), nullable=False),
    sa.Column('expires_at', models.base.Instant(), nullable=False),
    sa.Column('used_at', models.base.Instant(), nullable=True),
    sa.Column('used_by', sa.String(length=64), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_pair_code_account_id_account'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['isp_id'], ['isp.id'], name=op.f('fk_pair_code_isp_id_isp'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pair_code')),
    sa.UniqueConstraint('digest', name=op.f('uq_pair_code_digest'))
    )
    op.create_index(op.f('ix_pair_code_account_id'), 'pair_code', ['account_id'])
    op.create_index(op.f('ix_pair_code_expires_at'), 'pair_code', ['expires_at'])
    op.create_table('bot',
    sa.Column('bot_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('username', sa.String(length=64), nullable=False),
    sa.Column('created_at', models.base.Instant(), nullable=False),
    sa.Column('next_update', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', models.base.Instant(), nullable=True),
    sa.Column('listened_at', models.base.Instant(), nullable=True),
    sa.Column('lease_token', sa.String(length=36), nullable=True),
    sa.Column('lease_until', models.base.Instant(), nullable=True),
    sa.Column('trouble', sa.String(length=20), nullable=True),
    sa.Column('trouble_since', models.base.Instant(), nullable=True),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('rest_until', models.base.Instant(), nullable=True),
    sa.Column('refused_digest', sa.String(length=64), nullable=True),
    sa.PrimaryKeyConstraint('bot_id', name=op.f('pk_bot'))
    )
    op.create_table('bot_question',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('bot_id', sa.BigInteger(), nullable=False),
    sa.Column('chat_digest', sa.String(length=64), nullable=False),
    sa.Column('chat_sealed', sa.Text(), nullable=False),
    sa.Column('asked_at', models.base.Instant(), nullable=False),
    sa.Column('verb', sa.String(length=16), nullable=False),
    sa.Column('wrong', sa.Boolean(), nullable=False),
    sa.Column('answer', sa.Text(), nullable=True),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('settled_at', models.base.Instant(), nullable=True),
    sa.Column('fate', sa.String(length=12), nullable=True),
    sa.ForeignKeyConstraint(['bot_id'], ['bot.bot_id'], name=op.f('fk_bot_question_bot_id_bot'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bot_question'))
    )
    op.create_index(op.f('ix_bot_question_bot_id_chat_digest_asked_at'), 'bot_question', ['bot_id', 'chat_digest', 'asked_at'])
    op.create_index(op.f('ix_bot_question_bot_id_settled_at'), 'bot_question', ['bot_id', 'settled_at'])
    op.create_index(op.f('ix_bot_question_asked_at'), 'bot_question', ['asked_at'])
    op.create_index(op.f('ix_channel_destination_digest'), 'channel', ['destination_digest'])


def downgrade() -> None:
    op.drop_index(op.f('ix_channel_destination_digest'), table_name='channel')
    op.drop_table('bot_question')
    op.drop_table('bot')
    op.drop_table('pair_code')

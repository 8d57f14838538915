"""Policies as data, holds and promises, customers' own hours, evidence of what was sent."""

import sqlalchemy as sa
from alembic import op

import models.base

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('policy_version',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('isp_id', sa.Integer(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('author', sa.String(length=100), nullable=False),
    sa.Column('created_at', models.base.Instant(), nullable=False),
    sa.ForeignKeyConstraint(['isp_id'], ['isp.id'], name=op.f('fk_policy_version_isp_id_isp'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_policy_version'))
    )
    op.create_index(op.f('ix_policy_version_isp_id'), 'policy_version', ['isp_id'])
    op.create_table('hold',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('isp_id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('invoice_id', sa.Integer(), nullable=True),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('reason', sa.String(length=200), nullable=False),
    sa.Column('author', sa.String(length=100), nullable=False),
    sa.Column('created_at', models.base.Instant(), nullable=False),
    sa.Column('until', sa.Date(), nullable=False),
    sa.Column('released_at', models.base.Instant(), nullable=True),
    sa.Column('released_by', sa.String(length=100), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_hold_account_id_account'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['invoice_id'], ['invoice.id'], name=op.f('fk_hold_invoice_id_invoice'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['isp_id'], ['isp.id'], name=op.f('fk_hold_isp_id_isp'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_hold'))
    )
    op.create_index(op.f('ix_hold_account_id_released_at'), 'hold', ['account_id', 'released_at'])
    with op.batch_alter_table('isp') as batch:
        batch.alter_column('contact_hours', existing_type=sa.String(length=11), type_=sa.String(length=200))
        batch.add_column(sa.Column('policy', sa.Text(), nullable=True))
    op.add_column('account', sa.Column('contact_hours', sa.String(length=200), nullable=True))
    op.add_column('account', sa.Column('steps_off', sa.JSON(), nullable=False, server_default='[]'))
    op.add_column('contract', sa.Column('alerted_on', sa.Date(), nullable=True))
    op.add_column('attempt', sa.Column('evidence', sa.JSON(), nullable=True))
    with op.batch_alter_table('delivery') as batch:
        batch.add_column(sa.Column('carried_by', sa.Integer(), nullable=True))
        batch.create_foreign_key(op.f('fk_delivery_carried_by_delivery'), 'delivery', ['carried_by'], ['id'], ondelete='SET NULL')
        batch.create_index(op.f('ix_delivery_carried_by'), ['carried_by'])


def downgrade() -> None:
    with op.batch_alter_table('delivery') as batch:
        batch.drop_index(op.f('ix_delivery_carried_by'))
        batch.drop_constraint(op.f('fk_delivery_carried_by_delivery'), type_='foreignkey')
        batch.drop_column('carried_by')
    op.drop_column('attempt', 'evidence')
    op.drop_column('contract', 'alerted_on')
    op.drop_column('account', 'steps_off')
    op.drop_column('account', 'contact_hours')
    with op.batch_alter_table('isp') as batch:
        batch.drop_column('policy')
        batch.alter_column('contact_hours', existing_type=sa.String(length=200), type_=sa.String(length=11))
    op.drop_index(op.f('ix_hold_account_id_released_at'), table_name='hold')
    op.drop_table('hold')
    op.drop_index(op.f('ix_policy_version_isp_id'), table_name='policy_version')
    op.drop_table('policy_version')

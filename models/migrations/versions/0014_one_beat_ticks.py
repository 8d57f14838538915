"""One beat ticks at a time, others stand by."""

import sqlalchemy as sa
from alembic import op

import models.base

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'beat_lease',
        sa.Column('name', sa.String(length=16), nullable=False),
        sa.Column('token', sa.String(length=36), nullable=False),
        sa.Column('host', sa.String(length=255), nullable=False),
        sa.Column('pid', sa.Integer(), nullable=False),
        sa.Column('since', models.base.Instant(), nullable=False),
        sa.Column('seen_at', models.base.Instant(), nullable=False),
        sa.Column('until', models.base.Instant(), nullable=False),
        sa.Column('standby_host', sa.String(length=255), nullable=True),
        sa.Column('standby_seen_at', models.base.Instant(), nullable=True),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_beat_lease')),
    )


def downgrade() -> None:
    op.drop_table('beat_lease')

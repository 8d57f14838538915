"""Know clients and contracts that did not change by their bytes."""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('account', sa.Column('fingerprint', sa.BigInteger(), nullable=True))
    op.add_column('contract', sa.Column('fingerprint', sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column('contract', 'fingerprint')
    op.drop_column('account', 'fingerprint')

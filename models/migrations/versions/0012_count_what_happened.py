"""Count what was settled lately, and what is open or held, from indexes alone."""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

_SETTLED = 'ix_delivery_settled_at_isp_id_state_reason_route'
_VANISHED = 'ix_invoice_vanished'
_HELD = 'ix_hold_in_force'


def upgrade() -> None:
    for name, table, columns, where in (
        (_SETTLED, 'delivery', ['settled_at', 'isp_id', 'state', 'reason', 'route'], 'settled_at IS NOT NULL'),
        (_VANISHED, 'invoice', ['state', 'isp_id'], 'vanished_at IS NOT NULL'),
        (_HELD, 'hold', ['isp_id', 'until'], 'released_at IS NULL'),
    ):
        op.create_index(
            op.f(name), table, columns,
            sqlite_where=sa.text(where), postgresql_where=sa.text(where),
        )


def downgrade() -> None:
    op.drop_index(op.f(_HELD), table_name='hold')
    op.drop_index(op.f(_VANISHED), table_name='invoice')
    op.drop_index(op.f(_SETTLED), table_name='delivery')

"""The composition root: everything that is built once per process, and handed to constructors.

A use-case is loaded when it is first needed: a command of support needs two of them, and a person
is waiting.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from billing.delivery.lanes import LANES
from models.schema import UnfitDatabaseError, present_revision, wanted_revision
from wispro.login import login_token
from worker.doors import Doors
from worker.errors import NotReadyError

if TYPE_CHECKING:
    from billing.auditing import Auditing
    from billing.baseline import Baseline
    from billing.changing import Changing
    from billing.channels import Channels
    from billing.delivery.delivering import Delivering
    from billing.delivery.resending import Resending
    from billing.delivery.trial import Trial
    from billing.forgetting import Forgetting
    from billing.holds import Holds
    from billing.inviting import Inviting
    from billing.isps import Isps
    from billing.listening import Listening
    from billing.maintenance import Maintenance
    from billing.naming import AccountFinder
    from billing.notices import Telling
    from billing.operators import Operators
    from billing.overrides import Overrides
    from billing.pairing import Pairing
    from billing.planning import Planning
    from billing.policies import Policies
    from billing.pruning import Pruning
    from billing.removing import Removing
    from billing.stopping import Stopping
    from billing.switching import Switching
    from billing.sync import Sync
    from billing.watch.heartbeats import Heartbeats
    from billing.watch.mornings import Mornings
    from billing.watch.ticks import Ticks
    from billing.watch.watching import Watching
    from config.settings import Settings


def utc_now() -> datetime:
    """Return the present; the only clock of the daemon."""
    return datetime.now(UTC)


class House(Doors):
    """The use-cases of one process with their doors.

    Args:
        settings: of this process.
        children: how many processes like this one there are; a command by hand stands for itself.

    Raises:
        SettingsError: if the ring of keys cannot be opened.
    """

    #: How many messages of a batch are under way at once.
    lanes = LANES

    def __init__(self, settings: Settings, *, children: int = 1) -> None:
        super().__init__(settings, children=children)
        self.clock = utc_now

    @cached_property
    def whom(self) -> AccountFinder:
        """Find the account that somebody names."""
        from billing.naming import AccountFinder

        return AccountFinder(self.vault, login_token)

    @cached_property
    def sync(self) -> Sync:
        """Look at Wispro."""
        from billing.sync import Sync

        return Sync(self.database, self.vault, self.wispro, every=self.settings.sync_every)

    @cached_property
    def planning(self) -> Planning:
        """Plan alerts."""
        from billing.planning import Planning

        return Planning(self.database)

    @cached_property
    def baseline(self) -> Baseline:
        """Show and release what was owed before anybody was told."""
        from billing.baseline import Baseline

        return Baseline(self.database)

    @cached_property
    def resending(self) -> Resending:
        """Send a delivery again."""
        from billing.delivery.resending import Resending

        return Resending(self.database)

    @cached_property
    def stopping(self) -> Stopping:
        """Stop what goes to one address."""
        from billing.stopping import Stopping

        return Stopping(self.database, self.vault)

    @cached_property
    def auditing(self) -> Auditing:
        """Keep what people did by hand on record."""
        from billing.auditing import Auditing

        return Auditing(self.database, self.whom)

    @cached_property
    def holds(self) -> Holds:
        """Hold a customer's alerts back."""
        from billing.holds import Holds

        return Holds(self.database, self.whom)

    @cached_property
    def channels(self) -> Channels:
        """Keep a customer's channels."""
        from billing.channels import Channels

        return Channels(self.database, self.whom)

    @cached_property
    def policies(self) -> Policies:
        """Keep policies, each with its past."""
        from billing.policies import Policies

        return Policies(self.database)

    @cached_property
    def overrides(self) -> Overrides:
        """Except an account from a policy."""
        from billing.overrides import Overrides

        return Overrides(self.database, self.whom)

    @cached_property
    def maintenance(self) -> Maintenance:
        """Clean up."""
        from billing.maintenance import Maintenance

        return Maintenance(self.database, self.vault)

    @cached_property
    def watching(self) -> Watching:
        """Notice what an operator should know."""
        from billing.watch.watching import Watching

        return Watching(self.database, self.vault, every=self.settings.sync_every)

    @cached_property
    def ticks(self) -> Ticks:
        """Say what is due."""
        from billing.watch.ticks import Ticks

        return Ticks(self.database)

    @cached_property
    def mornings(self) -> Mornings:
        """Tell operators of the day before."""
        from billing.watch.mornings import Mornings

        return Mornings(self.database)

    @cached_property
    def changing(self) -> Changing:
        """Change an ISP."""
        from billing.changing import Changing

        return Changing(self.database, self.vault)

    @cached_property
    def forgetting(self) -> Forgetting:
        """Forget a customer."""
        from billing.forgetting import Forgetting

        return Forgetting(self.database, self.vault, self.whom)

    @cached_property
    def pruning(self) -> Pruning:
        """Drop what was kept long enough."""
        from billing.pruning import Pruning

        return Pruning(self.database)

    @cached_property
    def switching(self) -> Switching:
        """Switch an ISP off and on."""
        from billing.switching import Switching

        return Switching(self.database)

    @cached_property
    def removing(self) -> Removing:
        """Remove an ISP."""
        from billing.removing import Removing

        return Removing(self.database, self._bot_of)

    @cached_property
    def isps(self) -> Isps:
        """Set ISPs up."""
        from billing.isps import Isps

        return Isps(self.database, self.vault, self.messenger)

    @cached_property
    def pairing(self) -> Pairing:
        """Pair customers."""
        from billing.pairing import Pairing

        return Pairing(self.database, self.vault, self.wispro, self.messenger, login_token)

    @cached_property
    def inviting(self) -> Inviting:
        """Invite customers to pair themselves."""
        from billing.inviting import Inviting

        return Inviting(self.database, self.vault, self.pairing, self.chat)

    @cached_property
    def listening(self) -> Listening:
        """Hear and answer what people write to the bots."""
        from billing.listening import Listening

        return Listening(self.database, self.vault, self.chat, self.messenger, pace=self.pace)

    @cached_property
    def operators(self) -> Operators:
        """Say where operators are told."""
        from billing.operators import Operators

        return Operators(self.database, self.vault, self.messenger)

    @cached_property
    def telling(self) -> Telling:
        """Tell operators what is due."""
        from billing.notices import Telling

        return Telling(self.database, self.vault, self.messenger)

    @cached_property
    def heartbeats(self) -> Heartbeats:
        """Call the URLs that are called while all is well."""
        from billing.watch.heartbeats import Heartbeats

        url = self.settings.heartbeat_url
        return Heartbeats(
            self.database,
            self.vault,
            self.heartbeat,
            installation=None if url is None else url.get_secret_value(),
            rest=max(self.settings.tick, timedelta(minutes=1)),
        )

    @cached_property
    def delivering(self) -> Delivering:
        """Send what is due."""
        from billing.delivery.delivering import Delivering

        return Delivering(
            self.database,
            self.vault,
            self.wispro,
            self.messenger,
            max_pdf_bytes=self.settings.max_pdf_bytes,
            pace=self.pace,
            shelf=self.shelf,
            lanes=self.lanes,
            public_url=self.settings.public_url,
        )

    @cached_property
    def trial(self) -> Trial:
        """Send a test message."""
        from billing.delivery.trial import Trial

        return Trial(self.database, self.whom, self.delivering)

    def require_schema(self) -> None:
        """Refuse to work on a database that was not migrated.

        Raises:
            NotReadyError: saying what to do.
        """
        present = self.require_known_schema()
        if present != wanted_revision():
            state = "has no tables yet" if present is None else f"is at revision {present}"
            raise NotReadyError(f"the database {state}; run: alerta migrate")

    def require_known_schema(self) -> str | None:
        """Return the database's revision, None before the first; refuse one from the future.

        Raises:
            NotReadyError: saying what to do.
        """
        try:
            present = present_revision(self.database.engine)
        except UnfitDatabaseError as error:
            raise NotReadyError(f"the database cannot be used: {error}") from None
        except SQLAlchemyError as error:
            from worker.database_errors import plain_database_error

            why = plain_database_error(error)
            raise NotReadyError(f"the database does not answer: {why}") from None
        except (OSError, ValueError) as error:  # its folder, or an option of its address
            raise NotReadyError(f"the database cannot be opened: {error}") from None
        if present is not None and present > wanted_revision():
            raise NotReadyError(
                f"the database is at revision {present}, newer than this program: update it"
            )
        return present

    def lay_desk(self) -> None:
        """Hand the use-cases to the tasks of this process."""
        from tasks import desk

        desk.lay(
            desk.Desk(
                self.sync,
                self.planning,
                self.delivering,
                self.maintenance,
                self.watching,
                self.telling,
                self.listening,
                self.ticks,
                self.heartbeats,
                self.mornings,
                self.clock,
                self.tallies.add,
            )
        )

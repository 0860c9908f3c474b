"""Named points between two steps, at which a test has the process die as ``kill -9`` would have it.

Nothing but a test arms one, in a process that it made for that; the product only passes by. What a crash at a
point leaves behind stands beside its name. That every point is reached, and what the next process makes of what
it finds there, is tried in ``tests/faults`` over both movers and both databases.
"""

from __future__ import annotations

import os
import threading

POINTS = {
    # every transaction, of either of a service's databases
    "database.uncommitted": "everything is written and nothing committed: it did not happen",
    "database.committed": "it happened, and nobody was woken",
    # an event on its way out
    "outbox.written": "an event is written beside what it announces; neither is committed",
    "mover.taken": "the embedded mover has read what waits, and carried nothing",
    "mover.stored": "one of the services has it; the others, and the outbox, know nothing of that",
    "mover.unmarked": "everybody has it, and the outbox says that it waits",
    "relay.taken": "the relay has read a window, and sent nothing",
    "relay.sending": "some of the window went to the connection, and perhaps out of the process",
    "relay.confirming": "the broker has it, and its word for that is not noted",
    "relay.unmarked": "the broker confirmed it, and the outbox says that it waits",
    # and in
    "receiver.delivered": "the broker brought it, and only this process knows",
    "inbox.stored": "it is written in the inbox, and not committed",
    "receiver.unacknowledged": "it is in the inbox, and the broker keeps it too",
    "receiver.acknowledged": "the acknowledgement went to the connection, and perhaps out of the process",
    # and applied
    "applier.taken": "a batch is locked, and nothing done with it",
    "applier.handled": "some events of the batch have had their effect, the rest not; nothing is committed",
    "applier.marked": "the batch had its effect and is marked; nothing is committed",
    "applier.failed": "a handler failed, and that is not noted yet",
    "obligation.made": "a decision has become obligations, uncommitted",
    # an obligation
    "obligation.claimed": "it is ours until the lease runs out, and nothing was done",
    "own_store.acted": "rows are changed and tombstones written, uncommitted",
    "own_store.act_committed": "the rows are gone, and their keys could still open what a backup holds",
    "vault.destroying": "the keys are overwritten, uncommitted",
    "vault.destroyed": "the keys are overwritten, and an old page in SQLite's log still has them",
    "own_store.destroyed": "the keys are gone for good, and the obligation says that they are to be destroyed",
    "own_store.counting": "it remains to count again",
    "own_store.counted": "it was counted again, and there is no receipt",
    "adapter.called": "the processor did what was asked, or took it in, and we have no note of that",
    "obligation.failed": "an attempt failed, and that is not noted yet",
    "receipt.issued": "a receipt is written beside what it tells of, uncommitted",
    "vault.orphaned": "a transaction left keys that nothing refers to, and they are not destroyed",
    # the ledger
    "journal.written": "a decision's line is written, and not flushed to the disk",
    "journal.flushed": "the line is on the disk, and the file's name perhaps not",
    "ledger.journalled": "the journal has the decision, and the ledger does not",
    "ledger.appended": "an event is on the chain, uncommitted",
    "ledger.noted": "what an answer says is noted, uncommitted",
    "ledger.closed": "the last answer is there and the decision closed, uncommitted",
}
"""Each point with what a crash there leaves behind."""

DIED = 137
"""The exit status of a process that was killed by signal 9, as a shell tells it."""

_lock = threading.Lock()
_armed: str | None = None
_left = 0


def reach(name: str) -> None:
    """Pass by a point; where it is the armed one, the process may end here."""
    if _armed is not None:
        _count_down(name)


def arm(name: str, hit: int = 1) -> None:
    """Have this process end at the ``hit``-th time it comes by: nothing is flushed, closed or rolled back."""
    global _armed, _left
    if name not in POINTS:
        raise ValueError(f"there is no point {name}")
    _armed, _left = name, hit


def _count_down(name: str) -> None:
    global _left  # noqa: PLW0603
    if name == _armed:
        with _lock:
            _left -= 1
            if _left <= 0:
                os._exit(DIED)

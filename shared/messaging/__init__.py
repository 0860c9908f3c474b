"""How events travel: written to an outbox, moved, stored in inboxes, applied; nothing is acknowledged into nothing."""

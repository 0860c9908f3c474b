"""The ledger: every decision and receipt on one append-only hash chain, and who has yet to answer."""

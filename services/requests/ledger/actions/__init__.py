"""What makes the ledger grow: events that are put on the chain, and people who close what stays unanswered."""

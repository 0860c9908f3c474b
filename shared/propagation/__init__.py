"""Decision, obligation, receipt: what must happen to a person's data, to whom it falls, and how it ended."""

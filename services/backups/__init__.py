"""Backups: taking one, checking it, and putting it back; data and keys apart, since keys are kept shorter."""

"""Mails of ours that come back undelivered, into the mailbox that we can look into."""

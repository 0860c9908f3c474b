"""Putting a backup back: it is noticed, nothing stored is shown or acted on until what was decided since is done again.

``noticing``     pure: what was put back, from the marks
``marks``        the mark outside each database, and whether this service may answer
``lives``        the lives of a database, as its own table tells them
``keeping``      what a service's worker does each second: write the mark, or catch up
``gathering``    every decision since the backup: from the journal, and from the other services
``log``          what the other services are given
``finishing``    what was answered before, keys destroyed again, and what cannot be read any more
``digests``      what a service did, for the daily comparison with the ledger
"""

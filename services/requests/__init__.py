"""Rights requests and identity checks, decisions, the ledger of who answered them, incidents, registers, the statement.

Publishes every kind of decision but the newsletter's own, and what the ledger says of decisions: registered, closed.
Listens to every decision and every receipt, and to reports of weaknesses.
"""

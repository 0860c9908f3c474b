"""The dossier: clients of the clinic with their contact data, contact history and invoices.

Owns clients, contacts and invoices, and notes who was given what of them (P48).
Publishes the decision ``term-end`` and receipts; listens to decisions, and to answers that its clients were given.
"""

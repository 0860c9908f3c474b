"""The intake: contact forms of the website, kept sealed for a term and forwarded to the clinic's mailbox.

Owns contact forms; a sender is a lead, never a client, until the dossier says so (P5).
Publishes the decision ``term-end``, the fact that a form was received, and receipts; listens to decisions.
"""

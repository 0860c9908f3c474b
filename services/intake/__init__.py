"""The intake: contact forms of the website, kept sealed for a term and forwarded to the clinic's mailbox.

Owns contact forms, whose sender is a lead, never a client, until the dossier says so (P5), and reports of weaknesses.
Publishes the decision ``term-end``, facts of forms and reports, and receipts; listens to decisions.
"""

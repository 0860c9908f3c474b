"""The newsletter: subscriptions with proof of consent, and the e-mail marketing programme that sends to them.

Owns first names and e-mail addresses of subscribers, and nothing else of them.
Publishes the decisions ``unsubscribe`` and ``term-end``, and receipts; listens to decisions and contact forms.
"""

"""The console: staff sign-in and staff pages; it owns accounts and sessions, and no personal data of clients.

It calls the services over HTTP only, each time with a fresh token for whoever is signed in.
It publishes nothing and listens to nothing: whether an act is allowed, the services decide.
"""

from __future__ import annotations

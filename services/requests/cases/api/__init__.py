"""Rights requests over HTTP: a person asks, staff establish who it is, and a person decides."""

from __future__ import annotations

from services.requests.cases.api.asking import api as asking
from services.requests.cases.api.handling import api as handling
from services.requests.cases.api.showing import api as showing

APIS = (asking, showing, handling)

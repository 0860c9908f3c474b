"""The requests service without its web side: the cases, the incidents, and the ledger that watches over decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.requests.cases import handlers as cases
from services.requests.cases.holdings import HOLDINGS
from services.requests.cases.jobs import JOBS as CASE_JOBS
from services.requests.incidents.handlers import HANDLERS as OF_INCIDENTS
from services.requests.incidents.jobs import JOBS as INCIDENT_JOBS
from services.requests.ledger import comparing
from services.requests.ledger import handlers as ledger
from services.requests.ledger.jobs import JOBS as LEDGER_JOBS
from services.requests.ledger.jobs import ask_again
from services.requests.records import Base
from shared.service import Service

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.service import Handler

# The ledger comes first: when a request hears of a receipt or an end, it is on the chain already.
HANDLERS: Mapping[str, Sequence[Handler]] = {
    name: (*ledger.HANDLERS.get(name, ()), *cases.HANDLERS.get(name, ()), *OF_INCIDENTS.get(name, ()))
    for name in sorted({*ledger.HANDLERS, *cases.HANDLERS, *OF_INCIDENTS})
}

SERVICE = Service(
    name="requests",
    metadata=Base.metadata,
    handlers=HANDLERS,
    holdings=HOLDINGS,
    jobs=(*CASE_JOBS, *LEDGER_JOBS, *INCIDENT_JOBS, comparing.JOB),
    when_caught_up=(ask_again,),
)

"""The registers over HTTP, for staff."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.requests.registers.processing import as_csv, processing_register
from services.requests.registers.schemas import LanguageQuerySchema, ProcessingRegisterSchema, ProcessorsSchema
from shared.deadlines import local_date
from shared.web import Answer, Answers, Api, Call, Document, Staff

if TYPE_CHECKING:
    from shared.web import Reply

api = Api("registers")
READERS = Staff("privacy-coordinator", "fg", "admin", "physician", "bookkeeper", "assistant", "front-desk", "tool")


@api.get("/v1/processors", who=READERS, answers=Answers(200, ProcessorsSchema))
def list_processors(call: Call) -> Answer:
    """Show every processor: its agreement, its sub-processors, and exactly what it gets."""
    register, today = call.tools.register, local_date(call.now)
    shown = [each.public() | {"may_receive": each.may_receive(today)} for each in register]
    return Answer({"digest": register.digest, "processors": shown})


@api.get(
    "/v1/processing-register", who=READERS, query=LanguageQuerySchema, answers=Answers(200, ProcessingRegisterSchema)
)
def show_processing_register(call: Call) -> Reply:
    """Show the register of processing activities (AVG art. 30), as JSON or CSV."""
    language = call.query.get("language", call.language)
    content = processing_register(call.tools.policy, call.tools.register, language)
    if call.query["format"] == "csv":
        return Document(as_csv(content), "text/csv; charset=utf-8", filename="processing-register.csv")
    return Answer(content)

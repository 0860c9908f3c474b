"""The registers: who processes what for the clinic, and what the clinic itself does."""

from __future__ import annotations

import csv
import io

import pytest

from services.requests.registers.processing import ACTIVITIES


def test_p101_staff_see_every_processor_with_its_agreement_and_without_its_settings(clinic):
    """What a processor gets is on the register, field by field; how it is reached is not."""
    shown = clinic.get("processors", "fg").json
    assert shown["digest"] == clinic.tools.register.digest
    webhuis, mailhuis = shown["processors"]
    assert webhuis["receives"] == [{"category": "contact-forms", "fields": ["name", "email", "phone"]}]
    assert webhuis["may_receive"] is True
    assert "settings" not in webhuis
    assert mailhuis["may_receive"] is False  # its agreement ended


def test_the_register_of_processing_covers_every_class_of_data_in_the_policy(clinic):
    """A class that no activity names would be kept for no purpose (AVG art. 30)."""
    shown = clinic.get("processing-register?language=en", "fg").json
    named = {data["class"] for activity in shown["activities"] for data in activity["data"]}
    assert named == {name for name in clinic.tools.policy.terms if not name.startswith("system.")}
    assert all(activity["data"] for activity in shown["activities"])
    contact = next(each for each in shown["activities"] if each["id"] == "contact")
    assert {each["transfer_ground"] for each in contact["recipients"]} == {"none", "adequacy"}
    assert shown["policy"]["hash"] == clinic.tools.policy.hash
    assert shown["controller"]["name"] == clinic.tools.policy.clinic.name


def test_the_register_comes_as_a_sheet_too(clinic):
    """One line per class of data, for whoever asks for it on paper."""
    answer = clinic.get("processing-register?format=csv&language=nl", "privacy-coordinator")
    assert answer.content_type == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert len(lines) == len([name for name in clinic.tools.policy.terms if not name.startswith("system.")])
    medical = next(line for line in lines if line["data_class"] == "dossier.medical")
    assert medical["kept"] == "P20Y"
    assert medical["special_categories"] == "yes"


@pytest.mark.parametrize("path", ["processors", "processing-register"])
def test_the_registers_are_for_staff(clinic, path):
    """Who is on them and how data flow is no public matter."""
    assert clinic.client.get(f"/requests/v1/{path}").status_code == 401
    assert clinic.client.get(f"/requests/v1/{path}", headers=clinic.service_token("intake")).status_code == 403


def test_every_service_has_an_activity():
    """Nothing is processed outside the register."""
    assert {activity.service for activity in ACTIVITIES} == {"intake", "dossier", "newsletter", "requests", "console"}

"""Incidents: a report of a weakness or misuse that people look into, against a clock that stands still for nobody."""

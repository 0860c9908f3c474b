"""Incidents: a weakness, misuse or breach that people look into, against a clock that stands still for nobody.

They come from somebody's report, or are entered by staff who found out in another way.
"""

"""Mechanics that several services need and that know no service."""

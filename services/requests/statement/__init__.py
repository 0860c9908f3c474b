"""The privacy statement in its versions (P92, P93), and where to report a weakness (P91)."""

"""Shapes of rights requests on the wire: what is asked, and what is shown."""

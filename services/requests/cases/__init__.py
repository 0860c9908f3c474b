"""Rights requests: a person asks, staff establish who it is, a person decides, and the answer goes out in time."""

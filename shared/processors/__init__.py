"""How a decision reaches an outside party: the port every adapter fills, and the adapters that services share."""

"""The main scenario, played from outside against a running trial system: it fails if a receipt is missing or wrong."""

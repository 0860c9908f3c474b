"""Looking at the clinic's own websites: what their pages load from others, and which cookies they set."""

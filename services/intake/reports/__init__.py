"""Reports of a weakness or of misuse (P91): taken in from anybody, sealed, and looked into as incidents elsewhere."""

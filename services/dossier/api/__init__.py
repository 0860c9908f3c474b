"""The dossier over HTTP: a file for each resource; nothing of it is public."""

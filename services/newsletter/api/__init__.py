"""The newsletter over HTTP: the forms, the links in the mail, and the programme's webhooks."""

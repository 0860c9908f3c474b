"""The e-mail marketing programmes the newsletter can face, each behind the same port."""

"""Answers to contact forms: mailed to the sender, sealed beside the form, and gone with it."""

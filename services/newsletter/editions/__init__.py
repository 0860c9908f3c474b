"""Editions of the newsletter: planned through us or watched, six to eight weeks apart, and to everybody on the list."""

"""The outside parties that get contact forms, where one of them can be reached in a way of its own."""

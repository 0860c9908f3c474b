"""The services of Discreet, the command that runs them, and the pages for staff."""

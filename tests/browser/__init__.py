"""The dashboard as people see it: a real browser on a real surface. `python -m tests.browser FOLDER` takes pictures."""

"""running - what happens to a task in Python, whoever brought it: no socket, no store."""

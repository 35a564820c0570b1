"""child - the process that runs an application's tasks for a worker (docs/children.md)."""

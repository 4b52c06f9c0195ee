"""`make(id)`: environments of one kind, one file per family."""

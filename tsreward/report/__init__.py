"""Pages that need nothing else: of a run, an audit, a benchmark, a comparison of two models."""

"""tsreward."""

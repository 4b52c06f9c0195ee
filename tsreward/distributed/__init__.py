"""Work units, run here, in processes, on Ray, or as a share of them on every machine."""

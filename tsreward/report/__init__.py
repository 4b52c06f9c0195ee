"""A benchmark as one web page that needs nothing else."""

"""Public log datasets in the layouts they are published in, one file each, and synthetic sets in the same layouts."""

"""Models of other libraries, in and out. Gates are reordered here and nowhere else."""

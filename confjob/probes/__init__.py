"""Scripts that confjob runs by path in the job's interpreter; never imported by confjob."""

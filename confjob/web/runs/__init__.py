"""What the pages of runs are made of, apart from any server: logs as lines, rows, comparisons."""

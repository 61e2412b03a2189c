"""Numbers from stored predictions and weights: statistics, verdicts, frequencies, topologies."""

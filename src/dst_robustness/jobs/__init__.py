"""What a job needs around its work: its log, its GPU, its lock, progress, provenance."""

"""What every job needs besides its work: its log, its GPU, its lock, progress, provenance."""

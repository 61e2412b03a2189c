"""The commands of ``dst-robustness``, one module each."""

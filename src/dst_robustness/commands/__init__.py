"""What the command ``dst-robustness`` does: one module a command."""

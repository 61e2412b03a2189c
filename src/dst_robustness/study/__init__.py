"""The study that a configuration asks for: options, scenarios, runs."""

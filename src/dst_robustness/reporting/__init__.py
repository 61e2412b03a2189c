"""Tables, figures and the report: how the numbers of ``analysis`` are shown."""

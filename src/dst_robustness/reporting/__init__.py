"""Tables, figures and the report: what a reader sees of the numbers of ``analysis``."""

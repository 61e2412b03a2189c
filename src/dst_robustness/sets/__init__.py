"""Samples on disk: the layout, one writer, one reader, conversion, corruption."""

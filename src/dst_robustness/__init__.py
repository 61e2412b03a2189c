"""Dynamic sparse training against dense training under image and video corruption."""

__version__ = "0.1.0"

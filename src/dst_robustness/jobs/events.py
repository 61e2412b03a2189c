"""The events that Snakemake logs, for those who listen to them."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any


class EventHandler(logging.Handler):
    """Listens to the events of Snakemake. An error in a listener is shown and stops nothing."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass an event on to ``hear``."""
        try:
            self.hear(str(getattr(record, "event", "")), record.__dict__)
        except Exception:
            self.handleError(record)

    @abstractmethod
    def hear(self, event: str, fields: Mapping[str, Any]) -> None:
        """Take an event, by its name, and what it says."""

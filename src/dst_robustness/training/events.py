"""Event files for TensorBoard, written during a training."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

BEGIN = {"file_version": "brain.Event:2"}  # what each file starts with


class Events:
    """Writes rows of the history as scalars over the optimiser steps, under the names of their columns.

    A resumed training continues in another file of the folder, and hides what the interrupted one wrote after its
    checkpoint. Rows are written at once. TensorBoard's own writer uses a thread, which stops in the middle of a record
    if the disk is full.

    Args:
        folder: a folder for this training alone. Files of an earlier one are deleted.
        steps: number of optimiser steps done so far.
    """

    def __init__(self, folder: Path, steps: int) -> None:
        if not steps:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
        self._write([BEGIN, {"step": steps + 1, "session_log": {"status": 1}}])  # a start: later steps before it go

    def add(self, row: Mapping[str, float]) -> None:
        """Write a row of the history. If the disk is full, raise an OSError that names the file, and write nothing."""
        values = [{"tag": name, "simple_value": row[name]} for name in row if name not in ("epoch", "step")]
        self._write([{"step": int(row["step"]), "summary": {"value": [value]}} for value in values])

    def _write(self, events: list[dict[str, Any]]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event  # not above, since importing it takes half a second
        from tensorboard.summary.writer.record_writer import RecordWriter

        records = BytesIO()
        writer = RecordWriter(records)
        for event in events:
            writer.write(Event(wall_time=time.time(), **event).SerializeToString())
        length = self.path.stat().st_size if self.path.exists() else 0
        try:
            with open(self.path, "ab", buffering=0) as file:
                data = records.getvalue()
                while data:
                    data = data[file.write(data) :]
        except OSError as error:
            with suppress(OSError):
                os.truncate(self.path, length)
            raise OSError(error.errno, error.strerror, str(self.path)) from None

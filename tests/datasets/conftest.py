"""A real HTTP server on the loopback address that misbehaves on request, and a builder of official CIFAR archives."""

import http.server
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@dataclass
class Site:
    """The answers of the server: for each path its answers in turn, and the last one for ever."""

    port: int
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # path and Range header

    def address(self, path: str, *answers: Answer) -> str:
        self.answers[path] = list(answers)
        return f"http://127.0.0.1:{self.port}{path}"

    @staticmethod
    def whole(data: bytes) -> Answer:
        """Send the file, or its rest when a Range is asked for."""

        def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
            asked = handler.headers.get("Range")
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            if start >= len(data):
                return Site.status(416)(handler)
            handler.send_response(206 if asked else 200)
            if asked:
                handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            Site.send(handler, data[start:], len(data) - start)

        return answer

    @staticmethod
    def without_ranges(data: bytes) -> Answer:
        """Send the whole file whatever is asked for."""

        def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            Site.send(handler, data, len(data))

        return answer

    @staticmethod
    def cut(data: bytes, after: int) -> Answer:
        """Promise the file (or its rest) and hang up after some bytes."""

        def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
            asked = handler.headers.get("Range")
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            handler.send_response(206 if asked else 200)
            if asked:
                handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            Site.send(handler, data[start : start + after], len(data) - start)

        return answer

    @staticmethod
    def status(code: int) -> Answer:
        return lambda handler: handler.send_error(code)

    @staticmethod
    def html(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        page = b"<!DOCTYPE html><html>please log in</html>"
        handler.send_header("Content-Type", "text/html; charset=utf-8")
        Site.send(handler, page, len(page))

    @staticmethod
    def redirect(to: str) -> Answer:
        def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", to)
            handler.send_header("Content-Type", "text/html")
            Site.send(handler, b"<html>moved</html>", 18)

        return answer

    @staticmethod
    def send(handler: http.server.BaseHTTPRequestHandler, body: bytes, promised: int | None) -> None:
        if promised is not None:
            handler.send_header("Content-Length", str(promised))
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here.requests.append((self.path, self.headers.get("Range")))
            answers = here.answers.get(self.path, [Site.status(404)])
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Site(server.server_port)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield here
    server.shutdown()
    server.server_close()


def python2_pickle(content: dict[bytes, object]) -> bytes:
    """Write a dictionary as Python 2 did in the official files: strings without encoding, numpy's old module name."""

    def string(value: bytes) -> bytes:
        return b"T" + len(value).to_bytes(4, "little") + value

    def number(value: int) -> bytes:
        return b"J" + value.to_bytes(4, "little", signed=True)

    def value(item: object) -> bytes:
        if isinstance(item, bytes):
            return string(item)
        if isinstance(item, list):
            return b"(" + b"".join(number(i) if isinstance(i, int) else string(i) for i in item) + b"l"
        assert isinstance(item, np.ndarray)
        dtype = b"cnumpy\ndtype\n(" + string(b"u1") + number(0) + number(1) + b"tR"
        dtype += b"(" + number(3) + string(b"|") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
        array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n(" + number(0) + b"t" + string(b"b") + b"\x87R"
        shape = b"(" + b"".join(number(n) for n in item.shape) + b"t"
        return array + b"(" + number(1) + shape + dtype + b"I00\n" + string(item.tobytes()) + b"tb"

    items = b"".join(string(key) + value(item) for key, item in content.items())
    return b"\x80\x02}(" + items + b"u."


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def cifar_pixels(label: int, row: int) -> np.ndarray:
    """An image that tells its label in red and its row in green: uint8 [3, 32, 32] planes."""
    planes = np.zeros((3, 32, 32), dtype=np.uint8)
    planes[0], planes[1], planes[2, :, 0] = label, row, 255
    return planes


@pytest.fixture
def cifar10_archive(tmp_path: Path) -> Path:
    """An archive in the official layout: 5 x 20 training and 20 test images."""
    path = tmp_path / "source" / "cifar-10-python.tar.gz"
    path.parent.mkdir()
    labels = [i % 10 for i in range(20)]
    data = np.stack([cifar_pixels(label, row).ravel() for row, label in enumerate(labels)])
    with tarfile.open(path, "w:gz") as archive:
        for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
            content = {b"batch_label": name.encode(), b"labels": labels, b"data": data, b"filenames": [b"x.png"] * 20}
            add(archive, f"cifar-10-batches-py/{name}", python2_pickle(content))
    return path

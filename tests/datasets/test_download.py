"""Downloads against a real server: broken, refused, wrong and redirected transfers."""

import gzip
import hashlib
import logging
import shutil
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from dst_robustness.datasets import download, request
from dst_robustness.datasets.download import DownloadError, fetch
from dst_robustness.datasets.space import NoSpaceError
from dst_robustness.datasets.spec import RemoteFile

BLOCK = 65_536  # bytes that are written at once
DATA = bytes(range(256)) * 1000 + b"end"
SHA256 = "sha256:" + hashlib.sha256(DATA).hexdigest()


def remote(*addresses: str, length: int | None = len(DATA), checksum: str | None = SHA256) -> RemoteFile:
    return RemoteFile("data.bin", addresses, length, checksum)


def refusal(file: RemoteFile, target: Path) -> str:
    """Return the text of the error, and check that nothing is left under the final name."""
    with pytest.raises(DownloadError) as raised:
        fetch(file, target, attempts=2, pause=0)
    assert not target.exists()
    return str(raised.value)


def test_a_file_arrives_whole_with_its_sums_and_leaves_no_part(site, tmp_path):
    address = site.address("/data.bin", site.whole(DATA))
    came_from, found = fetch(remote(address), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == DATA
    assert (came_from, found.bytes, found.sha256) == (address, len(DATA), SHA256[7:])
    assert [path.name for path in tmp_path.iterdir()] == ["data.bin"]


def test_a_cut_connection_is_resumed_at_the_byte_it_stopped(site, tmp_path):
    address = site.address("/data.bin", site.cut(DATA, 2 * BLOCK), site.cut(DATA, BLOCK + 500), site.whole(DATA))
    fetch(remote(address), tmp_path / "data.bin", attempts=2, pause=0)
    assert (tmp_path / "data.bin").read_bytes() == DATA
    assert [asked for _, asked in site.requests] == [None, "bytes=131072-", "bytes=197108-"]


def test_a_later_call_resumes_what_an_earlier_one_left(site, tmp_path):
    address = site.address("/data.bin", site.cut(DATA, BLOCK), site.status(404), site.whole(DATA))
    refusal(remote(address), tmp_path / "data.bin")
    fetch(remote(address), tmp_path / "data.bin", pause=0)
    assert (tmp_path / "data.bin").read_bytes() == DATA
    assert site.requests[-1] == ("/data.bin", "bytes=65536-")


def test_a_mirror_goes_on_where_the_first_address_failed(site, tmp_path):
    first = site.address("/a", site.cut(DATA, BLOCK), site.status(503))
    second = site.address("/b", site.whole(DATA))
    came_from, _ = fetch(remote(first, second), tmp_path / "data.bin", attempts=2, pause=0)
    assert came_from == second
    assert site.requests[-1] == ("/b", "bytes=65536-")


def test_without_a_checksum_one_address_never_continues_another(site, tmp_path):
    first = site.address("/a", site.cut(b"x" * len(DATA), BLOCK), site.status(503))
    second = site.address("/b", site.whole(DATA))
    fetch(remote(first, second, checksum=None), tmp_path / "data.bin", attempts=2, pause=0)
    assert (tmp_path / "data.bin").read_bytes() == DATA


def test_a_server_without_ranges_is_read_from_the_start(site, tmp_path):
    address = site.address("/data.bin", site.cut(DATA, BLOCK), site.without_ranges(DATA))
    fetch(remote(address), tmp_path / "data.bin", attempts=2, pause=0)
    assert (tmp_path / "data.bin").read_bytes() == DATA


def test_a_rotten_part_is_thrown_away_and_fetched_anew(site, tmp_path):
    (tmp_path / ".data.bin.part").write_bytes(b"rotten")
    address = site.address("/data.bin", site.whole(DATA))
    fetch(remote(address), tmp_path / "data.bin", pause=0)
    assert (tmp_path / "data.bin").read_bytes() == DATA
    assert [asked for _, asked in site.requests] == ["bytes=6-", None]


def test_a_part_longer_than_the_file_is_thrown_away(site, tmp_path):
    (tmp_path / ".data.bin.part").write_bytes(DATA + b"more")
    address = site.address("/data.bin", site.whole(DATA))
    fetch(remote(address, length=None), tmp_path / "data.bin", pause=0)
    assert (tmp_path / "data.bin").read_bytes() == DATA


def test_a_complete_part_needs_no_request(site, tmp_path):
    (tmp_path / ".data.bin.part").write_bytes(DATA)
    fetch(remote(site.address("/data.bin", site.status(500))), tmp_path / "data.bin")
    assert site.requests == []


def test_a_busy_server_is_asked_again_a_missing_file_is_not(site, tmp_path):
    busy = site.address("/busy", site.status(503), site.status(503), site.whole(DATA))
    fetch(remote(site.address("/gone", site.status(404)), busy), tmp_path / "data.bin", attempts=3, pause=0)
    assert [path for path, _ in site.requests] == ["/gone", "/busy", "/busy", "/busy"]


def test_redirects_are_followed(site, tmp_path):
    address = site.address("/old", site.redirect("/new"))
    site.address("/new", site.whole(DATA))
    fetch(remote(address), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == DATA


def test_each_failed_address_is_listed_with_its_reason(site, tmp_path):
    wrong = DATA[:-1] + b"?"
    file = remote(
        site.address("/gone", site.status(404)),
        site.address("/busy", site.status(503)),
        site.address("/page", site.html),
        site.address("/long", site.whole(DATA + b"more")),
        site.address("/wrong", site.whole(wrong)),
        "http://127.0.0.1:9/closed",
        "ftp://example.org/data.bin",
        str(tmp_path / "nothing.bin"),
    )
    lines = refusal(file, tmp_path / "data.bin").splitlines()
    assert lines[0] == "could not fetch data.bin; tried:"
    for line, (path, reason) in zip(
        lines[1:],
        [
            ("/gone", "answers 404 Not Found"),
            ("/busy", "answers 503 Service Unavailable"),
            ("/page", "sends an HTML page instead of data"),
            ("/long", "offers 256,007 bytes, expected 256,003"),
            ("/wrong", f"has sha256 {hashlib.sha256(wrong).hexdigest()}, expected {SHA256[7:]}"),
            ("/closed", "cannot be reached"),
            ("ftp://", "allowed: http, https, file, or a path"),
            ("nothing.bin", "does not exist"),
        ],
        strict=True,
    ):
        assert path in line
        assert reason in line
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_never_ends_is_stopped_at_the_expected_length(site, tmp_path):
    def endless(handler):
        handler.send_response(200)
        site.send(handler, DATA + DATA, None)

    assert "sends more than the expected 256,003 bytes" in refusal(
        remote(site.address("/data.bin", endless)), tmp_path / "data.bin"
    )


def test_a_page_that_calls_itself_data_is_recognised(site, tmp_path):
    page = b"<!DOCTYPE html><html>quota exceeded</html>"
    file = remote(site.address("/data.bin", site.whole(page)), length=None, checksum=None)
    assert "is an HTML page instead of data" in refusal(file, tmp_path / "data.bin")


def test_the_proxy_of_the_environment_is_used(site, tmp_path, monkeypatch):
    """The loopback server plays the proxy: it is asked for a host that does not exist."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{site.port}")
    site.address("http://no-such-host.invalid/data.bin", site.whole(DATA))
    fetch(remote("http://no-such-host.invalid/data.bin"), tmp_path / "data.bin", attempts=1)
    assert site.requests == [("http://no-such-host.invalid/data.bin", None)]


@pytest.mark.parametrize("as_address", [str, Path.as_uri])
def test_a_local_path_is_an_address(tmp_path, as_address):
    source = tmp_path / "my copy.bin"
    source.write_bytes(DATA)
    fetch(remote(as_address(source)), tmp_path / "raw" / "data.bin")
    assert (tmp_path / "raw" / "data.bin").read_bytes() == DATA


def reply(code, body=b"", promised=None, **headers):
    """An answer of this status and body; the length that it promises is that of the body, a number, or none at all."""

    def answer(handler):
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        length = len(body) if promised is None else promised
        if length != "none":
            handler.send_header("Content-Length", str(length))
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return answer


CUT = 100_000
FIRST = DATA
SECOND = bytes(reversed(DATA))
OVERLAP = request.OVERLAP


def rest(data, start, total=None, **headers):
    """A range of data from a byte on, said to be of a file of this length."""
    total = len(data) if total is None else total
    return reply(206, data[start:], Content_Range=f"bytes {start}-{len(data) - 1}/{total}", **headers)


@pytest.mark.parametrize(
    ("begun", "continued"),
    [
        ({"ETag": '"1"'}, rest(SECOND, CUT - OVERLAP, ETag='"2"')),
        ({"ETag": '"1"'}, rest(SECOND, CUT - OVERLAP, ETag='"1"')),
        ({"ETag": '"1"'}, rest(bytes(len(DATA)), CUT - OVERLAP)),
        ({"ETag": '"1"'}, rest(FIRST + b"+", CUT - OVERLAP, ETag='"1"')),
        ({"ETag": '"1"'}, rest(FIRST, CUT - OVERLAP + 1, ETag='"1"')),
        ({"ETag": '"1"'}, reply(206, FIRST[CUT:], ETag='"1"')),
        ({"ETag": '"1"'}, reply(416)),
        ({"ETag": 'W/"1"', "Last-Modified": formatdate(0)}, rest(SECOND, CUT - OVERLAP, Last_Modified=formatdate(9))),
        ({"ETag": '"1"'}, reply(200, SECOND, ETag='"2"')),
    ],
    ids=["etag", "bytes", "zeros", "total", "start", "no range", "416", "date", "whole"],
)
def test_versions_are_never_joined(site, tmp_path, begun, continued):
    """Without a checksum nothing else would show it. A rest that does not fit is downloaded from the start."""
    begun = {name.replace("-", "_"): value for name, value in begun.items()}
    address = site.address(
        "/data.bin", reply(200, FIRST[:CUT], len(FIRST), **begun), continued, reply(200, SECOND, ETag='"2"')
    )
    fetch(remote(address, length=None, checksum=None), tmp_path / "data.bin", pause=0)
    assert (tmp_path / "data.bin").read_bytes() == SECOND
    assert [path.name for path in tmp_path.iterdir()] == ["data.bin"]


@pytest.mark.parametrize("mark", [{"ETag": '"1"'}, {"Last_Modified": formatdate(0)}])
def test_the_same_version_is_continued_under_the_servers_own_condition(site, tmp_path, mark):
    asked = []

    def continued(handler):
        asked.append((handler.headers["Range"], handler.headers["If-Range"]))
        rest(FIRST, CUT - OVERLAP, **mark)(handler)

    address = site.address("/data.bin", reply(200, FIRST[:CUT], len(FIRST), **mark), continued)
    fetch(remote(address, length=None, checksum=None), tmp_path / "data.bin", pause=0)
    assert (tmp_path / "data.bin").read_bytes() == FIRST
    assert asked == [(f"bytes={CUT - OVERLAP}-", next(iter(mark.values())))]


def test_without_a_mark_of_its_version_a_file_is_begun_anew(site, tmp_path):
    address = site.address("/data.bin", site.cut(FIRST, CUT), site.whole(SECOND))
    fetch(remote(address, checksum=None), tmp_path / "data.bin", pause=0)
    assert (tmp_path / "data.bin").read_bytes() == SECOND
    assert [asked for _, asked in site.requests] == [None, None]


def test_what_was_joined_in_one_call_and_is_wrong_is_fetched_in_one_piece(site, tmp_path):
    address = site.address("/data.bin", site.cut(DATA, CUT), rest(bytes(len(DATA)), CUT), site.whole(DATA))
    fetch(remote(address), tmp_path / "data.bin", pause=0)
    assert (tmp_path / "data.bin").read_bytes() == DATA
    assert [asked for _, asked in site.requests] == [None, "bytes=100000-", None]


def test_a_mirror_of_another_length_does_not_cost_what_is_here(site, tmp_path):
    first = site.address("/a", site.cut(DATA, CUT), site.status(404), site.whole(DATA))
    longer = site.address("/b", site.without_ranges(DATA + b"more"))
    refusal(remote(first, longer), tmp_path / "data.bin")
    fetch(remote(first), tmp_path / "data.bin", pause=0)
    assert site.requests[-1] == ("/a", "bytes=100000-")


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_bytes_are_kept_as_they_were_sent(site, tmp_path, encoding):
    """A server may call a .tar.gz encoded: it is the archive itself that has the checksum."""
    archive = gzip.compress(DATA)
    address = site.address("/x.tar.gz", reply(200, archive, Content_Encoding=encoding))
    fetch(remote(address, length=None, checksum=None), tmp_path / "x.tar.gz")
    assert (tmp_path / "x.tar.gz").read_bytes() == archive


def drip(head=b"HTTP/1.0 200 OK\r\nContent-Length: 256003\r\n\r\n", *, head_at_once=True):
    def answer(handler):
        handler.wfile.write(head if head_at_once else b"")
        for byte in bytes(100) if head_at_once else head:
            try:
                handler.wfile.write(bytes([byte]))
            except OSError:
                return
            time.sleep(0.05)
        time.sleep(2)

    return answer


@pytest.mark.parametrize(
    "slow",
    [
        drip(),
        drip(b"HTTP/1.0 200 OK\r\n" + b"X: yyyy\r\n" * 20, head_at_once=False),
        lambda handler: time.sleep(2),
    ],
    ids=["body", "head", "silence"],
)
def test_an_address_that_brings_next_to_nothing_is_left(site, tmp_path, monkeypatch, slow):
    """Time-outs count the seconds without a byte; what counts here is bytes per second."""
    monkeypatch.setattr(download, "TIMEOUT", (0.3, 0.3))
    good = site.address("/good", site.whole(DATA))
    start = time.monotonic()
    came_from, _ = fetch(remote(site.address("/slow", slow), good), tmp_path / "data.bin", attempts=2, pause=0)
    assert came_from == good
    assert time.monotonic() - start < 2
    monkeypatch.setattr(download, "LEAST_RATE", 1000)
    text = refusal(remote(site.address("/slow", slow)), tmp_path / "other.bin")
    assert "too slow" in text or "sent nothing for 0.3 s" in text
    assert "network" not in text


def test_a_server_that_gives_a_few_bytes_each_time_is_given_up(site, tmp_path):
    """Each answer brings something new, and none brings the file nearer."""
    address = site.address("/data.bin", site.cut(DATA, 10))
    assert "cut the connection" in refusal(remote(address), tmp_path / "data.bin")
    assert len(site.requests) == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (reply(200), "sends nothing"),
        (reply(200, promised="none"), "sends nothing"),
        (reply(204), "answers 204"),
        (reply(206, DATA, Content_Range=f"bytes 0-{len(DATA) - 1}/{len(DATA)}"), "another byte than asked for"),
        (reply(200, b"<p>", Content_Type="Text/HTML"), "an HTML page"),
        (reply(503, Retry_After="86400"), "answers 503 Service Unavailable and asks to wait 86,400 s"),
        (reply(429, Retry_After=formatdate(2e9, usegmt=True)), "asks to wait"),
        (reply(302, Location="file:///etc/passwd"), "sends on to file:///etc/passwd; allowed: http or https"),
        (reply(302, Location="http://[::bad"), "sends on to what is no address"),
        (reply(302, Location="/again"), "sends on more than 10 times"),
        (lambda handler: handler.wfile.write(b"SSH-2.0\r\n"), "does not speak HTTP"),
        (lambda handler: None, "hung up without an answer"),
        (lambda handler: handler.wfile.write(b"HTTP/1.0 500 \x1b[2Jgone\r\n\r\n"), r"answers 500 \x1b[2Jgone"),
    ],
    ids=[
        "empty",
        "empty, closed",
        "204",
        "206",
        "html",
        "wait",
        "date",
        "file",
        "no address",
        "loop",
        "ssh",
        "hung up",
        "escape",
    ],
)
def test_an_answer_that_is_not_the_file_is_told_as_it_was_and_the_next_address_taken(site, tmp_path, answer, reason):
    bad = site.address("/again", answer)
    file = remote(bad, length=None, checksum=None)
    assert reason in refusal(file, tmp_path / "data.bin")
    assert list(tmp_path.iterdir()) == []
    good = site.address("/good", site.whole(DATA))
    assert fetch(remote(bad, good), tmp_path / "data.bin", attempts=1)[0] == good


@pytest.mark.parametrize("asked", ["1", "soon", "-5", ""])
def test_a_server_that_asks_for_patience_gets_it(site, tmp_path, monkeypatch, asked):
    waited = []
    monkeypatch.setattr(download, "sleep", waited.append)
    fetch(remote(site.address("/", reply(503, Retry_After=asked), site.whole(DATA))), tmp_path / "data.bin", pause=0.25)
    assert waited == [1 if asked == "1" else 0.25]


def test_the_body_of_a_redirect_is_not_read(site, tmp_path):
    """requests would unpack it whole into memory."""
    bomb = gzip.compress(bytes(1_000_000))
    address = site.address("/old", reply(302, bomb, 10**12, Location="/new", Content_Encoding="gzip"))
    site.address("/new", site.whole(DATA))
    fetch(remote(address), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == DATA


def test_chunks_without_a_length_arrive_whole_or_not_at_all(site, tmp_path):
    def chunks(*parts):
        def answer(handler):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for part in parts:
                handler.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            handler.close_connection = True

        return answer

    whole = site.address("/whole", chunks(DATA[:CUT], DATA[CUT:], b""))
    fetch(remote(whole, length=None, checksum=None), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == DATA
    half = site.address("/half", chunks(DATA[:CUT]))
    assert "cut the connection" in refusal(remote(half, length=None, checksum=None), tmp_path / "half.bin")


def test_an_endless_answer_that_states_no_length_ends(site, tmp_path, monkeypatch):
    monkeypatch.setattr(request, "MAX_UNSTATED", 1000)
    address = site.address("/data.bin", reply(200, DATA, "none"))
    assert "sends more than the expected 1,000 bytes" in refusal(
        remote(address, length=None, checksum=None), tmp_path / "data.bin"
    )


def test_room_is_looked_for_before_the_first_byte(site, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    address = site.address("/data.bin", site.whole(DATA))
    with pytest.raises(NoSpaceError, match=r"data\.bin needs 256,003 bytes in .*, where 1,000 are free"):
        fetch(remote(address), tmp_path / "data.bin")
    assert list(tmp_path.iterdir()) == []


def test_a_length_that_only_a_server_says_does_not_keep_the_others_from_being_asked(site, tmp_path):
    boast = site.address("/boast", reply(200, DATA, 10**17))
    good = site.address("/good", site.whole(DATA))
    assert fetch(remote(boast, good, length=None), tmp_path / "data.bin")[0] == good
    assert "says that data.bin needs 100,000,000,000,000,000 bytes" in refusal(
        remote(boast, length=None, checksum=None), tmp_path / "other.bin"
    )


def test_no_secret_of_an_address_is_shown(site, tmp_path, caplog):
    """Neither by what is logged, nor by any error, nor in what stays on the disk."""
    caplog.set_level(logging.DEBUG, logger="dst_robustness")
    host = f"127.0.0.1:{site.port}"
    site.address("/cut?token=T0KEN", site.cut(DATA, CUT), site.status(404))
    site.address("/on?token=T0KEN", reply(302, Location="ftp://me:s3cret@x/?key=T0KEN"))
    addresses = [
        *(f"http://me:s3cret@{host}/{path}?token=T0KEN#T0KEN" for path in ("gone", "cut", "on")),
        "http://me:s3cret@no-such-host.invalid/x?token=T0KEN",
        "https://me:s3cret@127.0.0.1:9/x?token=T0KEN",
        "ftp://me:s3cret@example.org/x?token=T0KEN",
        "http://me:s3/cret@x:bad/?token=T0KEN",
        "http:/me:s3cret@x/?token=T0KEN",
        "http://[me:s3cret@x/?token=T0KEN",
    ]
    text = refusal(remote(*addresses), tmp_path / "data.bin") + caplog.text
    text += "".join(path.name + path.read_text("latin1") for path in tmp_path.iterdir())
    assert "T0KEN" not in text
    assert "s3" not in text
    assert f"http://***@{host}/gone?*** answers 404" in text

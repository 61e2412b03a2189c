"""Downloads against a real server: broken, refused, wrong and redirected transfers."""

import hashlib
from pathlib import Path

import pytest

from dst_robustness.datasets.download import DownloadError, fetch
from dst_robustness.datasets.spec import RemoteFile

BLOCK = 65_536  # bytes that are written at once
DATA = bytes(range(256)) * 1000 + b"end"
SHA256 = "sha256:" + hashlib.sha256(DATA).hexdigest()


def remote(*addresses: str, length: int | None = len(DATA), checksum: str | None = SHA256) -> RemoteFile:
    return RemoteFile("data.bin", addresses, length, checksum)


def refusal(file: RemoteFile, target: Path) -> str:
    """What the error says; nothing may be left under the final name."""
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
    assert [asked for _, asked in site.requests] == [None, "bytes=131072-", "bytes=196608-"]


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

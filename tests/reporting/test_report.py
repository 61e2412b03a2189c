"""The report in a real browser. Needs Chromium and its driver; without them these tests are skipped."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from simulated_runs import simulate_networks, simulate_study

from dst_robustness.analysis.summary import write_summary
from dst_robustness.analysis.weights import OVERLAP_COLUMNS
from dst_robustness.reporting.figures import write_figure
from dst_robustness.reporting.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report of two methods, two sparsities and two data sets, with a figure, a wide gallery and a missing run."""
    folder = tmp_path_factory.mktemp("report")
    gains = {"set": 0.2, "static": -0.2}
    common = {"gains": gains, "sparsities": [0.1, 0.5], "seeds": 2, "images": 50, "corruptions": ["fog"]}
    folders = [run for name in ("one", "two") for run in simulate_study(folder, dataset=name, **common)]
    write_summary([*folders, folders[0].parent / "seed5"], folder / "tables", resamples=20)
    _, png = write_figure("robustness_by_sparsity", folder / "tables", folder / "robustness_by_sparsity")
    Image.fromarray(np.zeros((40, 3000, 3), np.uint8)).save(folder / "noise_gallery.png")
    layers = pd.DataFrame({"nonzeros": [5], "weights": 10} | {
        f"{empty}{part}": 4 for part in ("kernels", "output_channels", "input_channels") for empty in ("", "empty_")
    })  # fmt: skip
    layers.assign(scenario="one_probit", dataset="one", model="probit", method="set", sparsity=0.5, seed=0).to_csv(
        folder / "tables/layers.csv"
    )
    pd.DataFrame(columns=OVERLAP_COLUMNS).to_csv(folder / "tables/overlap.csv", index=False)
    write_report(
        folder / "report.html",
        folder / "tables",
        [png],
        [folder / "noise_gallery.png"],
        configuration="seeds: [0, 1]",
        commit="0123abc<script>alert(1)</script>",
    )
    return folder / "report.html"


def test_a_report_of_checkpoints_speaks_of_networks(tmp_path):
    """Nothing was trained: the page names no method, no sparsity and no sparse training."""
    folders = simulate_networks(tmp_path, {"ours": 0.5, "theirs": 0.6}, images=50, corruptions=["fog"], seeds=2)
    write_summary([*folders, folders[0].parent / "seed5"], tmp_path / "tables", resamples=20)
    write_report(tmp_path / "report.html", tmp_path / "tables", [])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<title>Robustness of trained networks</title>" in page
    assert "speaks of these networks, not of how they were trained" in page
    body = page[page.index("<body>") : page.index("<script>")].lower()
    assert not [word for word in ("sparsity", "method", "dense", "sparse training", "itop") if word in body]


class Browser:
    """A headless Chromium, driven by the WebDriver protocol."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [DRIVER, f"--port={self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                     f"--user-data-dir={folder / 'profile'}"]  # fmt: skip
        options = {
            "goog:chromeOptions": {"binary": CHROMIUM, "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        self.session = ""
        deadline = time.monotonic() + 60
        while not self.session:
            try:
                answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": options}})
                self.session = f"/session/{answer['sessionId']}"
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def call(self, method: str, path: str, body: dict | None = None):
        """Send one command and return its value."""
        data = None if method == "GET" else json.dumps(body or {}).encode()
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def run(self, script: str):
        """Run JavaScript in the page and return what it returns."""
        return self.call("POST", f"{self.session}/execute/sync", {"script": script, "args": []})

    def log(self, kind: str) -> list[dict]:
        """Return the browser's log since the last call."""
        return self.call("POST", f"{self.session}/se/log", {"type": kind})

    def show(self, path: Path, width: int, height: int) -> None:
        """Open a file in a window of this size in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        body = {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics}
        self.call("POST", f"{self.session}/goog/cdp/execute", body)
        self.call("POST", f"{self.session}/url", {"url": path.as_uri()})

    def screenshot(self, path: Path) -> None:
        """Write what the window shows as PNG."""
        path.write_bytes(base64.b64decode(self.call("GET", f"{self.session}/screenshot")))


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    driven = Browser(tmp_path_factory.mktemp("browser"))
    yield driven
    driven.call("DELETE", driven.session)
    driven.process.terminate()
    driven.process.wait(10)


VISIBLE = """return [...document.querySelectorAll('#table tbody tr')].filter(row => row.offsetParent !== null)
    .map(row => [...row.cells].map(cell => cell.textContent))"""


@needs_browser
def test_report_loads_nothing_from_elsewhere_and_without_errors(browser, report):
    """It opens on a laptop without a network: only the file itself and what is in it, and a silent console."""
    browser.log("performance")
    browser.show(report, 1280, 900)
    events = [json.loads(entry["message"])["message"] for entry in browser.log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert report.as_uri() in asked
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
    assert [url for url in asked if url.startswith("file:")] == [report.as_uri()]
    assert browser.log("browser") == []
    loaded = browser.run("return [...document.images].map(image => image.complete && image.naturalWidth > 0)")
    assert loaded == [True, True]


@needs_browser
def test_the_verdict_is_the_first_thing_to_see(browser, report):
    """Before any table, in the upper half of the first screen."""
    browser.show(report, 1280, 900)
    place = browser.run(
        "const box = document.getElementById('verdict').getBoundingClientRect(); return [box.top, box.bottom]"
    )
    assert 0 < place[0] < place[1] < 450
    assert "Dynamic Sparse Training (DST)" in browser.run("return document.getElementById('verdict').textContent")


@needs_browser
def test_columns_sort_both_ways(browser, report):
    """Numbers sort as numbers, what is absent comes last, and the heading says which way."""
    browser.show(report, 1280, 900)
    click = "document.querySelectorAll('#table thead button')[{}].click()"
    values = "return [...document.querySelectorAll('#table tbody tr')].map(row => row.cells[{}].dataset.key)"
    browser.run(click.format(5))
    falling = [float(value) for value in browser.run(values.format(5))]
    assert falling == sorted(falling, reverse=True)
    assert browser.run("return document.querySelectorAll('#table th')[5].ariaSort") == "descending"
    browser.run(click.format(5))
    rising = [float(value) for value in browser.run(values.format(5))]
    assert rising == sorted(rising) != falling
    browser.run(click.format(1))
    names = [row[1] for row in browser.run(VISIBLE)]
    assert names == sorted(names)


@needs_browser
def test_rows_filter_by_words_and_by_column(browser, report):
    """Words must all occur; a column's choice is exact; both together narrow further, and the count follows."""
    browser.show(report, 1280, 900)
    assert len(browser.run(VISIBLE)) == 10
    browser.run("words.value = 'two set'; words.dispatchEvent(new Event('input'))")
    assert [row[:3] for row in browser.run(VISIBLE)] == [["two, probit", "SET", "0.1"], ["two, probit", "SET", "0.5"]]
    choose = (
        "const select = document.querySelector('select[data-column=\"{}\"]');"
        "select.value = '{}'; select.dispatchEvent(new Event('change'))"
    )
    browser.run(choose.format(2, "0.5"))
    assert len(browser.run(VISIBLE)) == 1
    assert browser.run("return document.getElementById('count').textContent") == "1 of 10 rows"
    browser.run("words.value = ''; words.dispatchEvent(new Event('input'))")
    browser.run(choose.format(2, ""))
    browser.run(choose.format(9, "baseline"))
    assert {row[1] for row in browser.run(VISIBLE)} == {"Dense"}


@needs_browser
def test_every_table_of_numbers_sorts(browser, report):
    """Categories and severities by accuracy, the dense row among the others; costs by what they show."""
    browser.show(report, 1280, 900)
    table = "document.querySelector('.heat')"
    heads = browser.run(f"return [...{table}.tHead.rows[0].cells].map(cell => cell.textContent)")
    assert heads == ["method", "sparsity", "weather", *(f"severity {i}" for i in range(1, 6))]
    browser.run(f"{table}.tHead.querySelectorAll('button')[2].click()")
    found = browser.run(f"return [...{table}.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.innerText))")
    assert [row[0] for row in found] == ["SET", "SET", "Dense", "Static", "Static"]
    assert "+" in found[0][2] and "-" in found[-1][2] and " " not in found[2][2]  # noqa: PT018
    colour = "return getComputedStyle(document.querySelectorAll('.heat td.{}')[0]).backgroundColor"
    assert browser.run(colour.format("up")) != browser.run(colour.format("down"))
    browser.run("document.querySelector('#costs ~ details thead button:nth-of-type(1)').click()")
    costs = "return document.querySelector('#costs ~ details th').ariaSort"
    assert browser.run(costs) == "ascending"


@needs_browser
def test_report_fits_a_phone(browser, report, tmp_path):
    """At 375 pixels the page itself does not scroll sideways; wide tables and galleries do, inside their boxes."""
    browser.show(report, 375, 812)
    assert browser.run("return [document.documentElement.scrollWidth, innerWidth]") == [375, 375]
    small = "return [...document.querySelectorAll('p, td')].map(e => parseFloat(getComputedStyle(e).fontSize))"
    assert min(browser.run(small)) >= 14
    widths = "const image = document.querySelector('.plot img'); return [image.width, image.naturalWidth]"
    shown, drawn = browser.run(widths)
    assert shown == round(drawn / 2)  # two panels scroll; one of 650 pixels has room
    browser.screenshot(Path(os.environ.get("REPORT_SCREENSHOTS", tmp_path)) / "phone.png")
    browser.show(report, 1280, 900)
    browser.screenshot(Path(os.environ.get("REPORT_SCREENSHOTS", tmp_path)) / "desktop.png")


def test_report_holds_everything_in_one_file(report):
    """Images, missing runs, configuration and provenance are in the text, and text from outside is escaped."""
    page = report.read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "1 expected run has no results yet" in page
    assert "seeds: [0, 1]" in page
    assert "0123abc" in page
    assert "Where the weights are" in page
    assert "<script>alert" not in page
    assert 'src="http' not in page and 'href="http' not in page  # noqa: PT018


def test_report_of_a_study_that_has_not_begun(tmp_path):
    """Nothing is complete: the page says so instead of failing."""
    write_summary([tmp_path / "d_m/dense/0/seed0"], tmp_path / "tables")
    write_report(tmp_path / "report.html", tmp_path / "tables", [])
    page = (tmp_path / "report.html").read_text()
    assert "No run is complete yet" in page
    assert "By category" not in page
    assert "Where the weights are" not in page

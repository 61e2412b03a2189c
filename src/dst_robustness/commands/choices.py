"""Options that several commands share."""

from __future__ import annotations

import argparse

from dst_robustness.corruptions import SEVERITIES, choose_corruptions, image_suites
from dst_robustness.registry import unknown_name


def add_corruptions(parser: argparse.ArgumentParser) -> None:
    """Add --corruptions."""
    parser.add_argument(
        "--corruptions", default="benchmark",
        help="benchmark (the fifteen of mCE), all (nineteen), c_bar, 3dcc, or names with commas (default: benchmark)",
    )  # fmt: skip


def chosen_corruptions(text: str, family: str) -> tuple[str, ...]:
    """Return the corruptions of a list of names and suites with commas. Raises ValueError for an unknown name."""
    suites = image_suites(family)
    known = dict.fromkeys(name for suite in suites.values() for name in suite)
    listed = [name.strip() for name in text.split(",") if name.strip()] or [text]
    names = dict.fromkeys(one for name in listed for one in suites.get(name, [name]))
    for name in names:
        if name not in known:
            raise unknown_name("corruption or suite", name, [*suites, *known])
    return choose_corruptions(list(names), suites)


def chosen_severities(text: str) -> tuple[int, ...]:
    """Return severities from ``1-5`` or ``1,3,5``."""
    chosen: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or not (last if dash else first).isdigit():
            raise ValueError(f"--severities is {text}; allowed: a range or list such as 1-5 or 1,3,5")
        chosen |= set(range(int(first), int(last or first) + 1))
    if not chosen or not chosen <= set(SEVERITIES):
        raise ValueError(f"--severities is {text}; allowed: 1 to 5")
    return tuple(severity for severity in SEVERITIES if severity in chosen)

"""The command ``dst-robustness``, for people without the workflow: ``corrupt`` and ``evaluate``."""

from __future__ import annotations

import argparse
import logging
import sys
from importlib import import_module

from dst_robustness import __version__

COMMANDS = {
    "corrupt": "write a corrupted copy of a folder of images, as ImageNet-C or CIFAR-10-C are laid out",
    "evaluate": "test trained networks on clean and corrupted images, and compare them",
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return 0, or 1 with one line on stderr where its input is wrong."""
    parser = argparse.ArgumentParser("dst-robustness", description="Corruption robustness of image networks.")
    parser.add_argument("--version", action="version", version=f"dst-robustness {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    modules = {}
    given = sys.argv[1:] if arguments is None else arguments
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name in given[:1]:  # what one command imports, another need not wait for
            modules[name] = import_module(f"dst_robustness.commands.{name}")
            modules[name].add_arguments(command)
    options = parser.parse_args(given)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        modules[options.command].run(options)
    except (ValueError, RuntimeError, FileNotFoundError) as error:
        print(f"dst-robustness {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

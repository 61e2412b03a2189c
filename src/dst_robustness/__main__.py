"""The command ``dst-robustness`` for use without the workflow: ``corrupt`` and ``evaluate``."""

from __future__ import annotations

import argparse
import logging
import sys
from importlib import import_module

from dst_robustness import __version__

COMMANDS = {
    "corrupt": "write a corrupted copy of a folder of images, in the layout of ImageNet-C or CIFAR-10-C",
    "evaluate": "test trained networks on clean and corrupted images, and compare them",
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command. Return 0, or 1 after one line on stderr if the input is wrong."""
    parser = argparse.ArgumentParser("dst-robustness", description="Corruption robustness of image networks.")
    parser.add_argument("--version", action="version", version=f"dst-robustness {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    modules = {}
    given = sys.argv[1:] if arguments is None else arguments
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name in given[:1]:  # no command waits for the imports of another
            modules[name] = import_module(f"dst_robustness.commands.{name}")
            modules[name].add_arguments(command)
    options = parser.parse_args(given)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        modules[options.command].run(options)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"dst-robustness {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command continues from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

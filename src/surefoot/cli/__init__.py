"""The command line: ``surefoot VERB ...``, one file a verb, each imported only when it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line on ``arguments`` (those of the process unless given) and exit with its code."""
    from surefoot.cli.run import run  # noqa: PLC0415  importing the package must not cost what a verb costs

    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))

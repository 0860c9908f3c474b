"""How fast it is: `./test bench [row ...] [--pairs N] [--quick] [--on sqlite|postgresql]`.

Prints every figure, and writes those of nine pairs or more to docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from importlib import import_module

from tests.bench import report
from tests.bench.bench import SHOWN, Bench
from tests.bench.machine import described
from tests.bench.measuring import PAIRS

ROWS = (
    *("pipeline", "forms", "webhooks", "relay", "embedded", "latency", "backlog"),
    *("subjects", "writers", "memory", "unsubscribe", "newsletter"),
)


def main() -> int:
    """Measure the rows that were asked for."""
    parser = argparse.ArgumentParser(prog="./test bench", description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="row", choices=[[], *ROWS], help=f"of {', '.join(ROWS)}")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="how often each of both sides takes its turn")
    parser.add_argument("--quick", action="store_true", help="one small pair of each; nothing is written")
    parser.add_argument("--on", choices=SHOWN, help="only this database")
    asked = parser.parse_args()
    bench = Bench(1 if asked.quick else asked.pairs, asked.quick, [asked.on] if asked.on else list(SHOWN))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # with the servers and the files, by close()
    began = time.monotonic()
    figures = []
    with contextlib.closing(bench):
        for name in asked.rows or ROWS:
            for figure in import_module(f"tests.bench.rows.{name}").measure(bench):
                figures.append(figure)
                print(report.told(figure), flush=True)  # noqa: T201
        if bench.pairs >= PAIRS and not asked.quick:
            command = " ".join(["./test bench", *sys.argv[1:]])
            report.write(figures, command, ROWS, described(bench))
    bench.say(f"{time.monotonic() - began:.0f} seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What was measured, for a terminal and for docs/benchmarks.md.

Only what stands between the two marks is written, and in it only the rows that were measured: what people wrote
around it, and the rows that were not asked for, stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.measuring import Figure

FILE = Path(__file__).parent.parent.parent / "docs" / "benchmarks.md"
BEGIN = "<!-- measured: written by ./test bench -->"
END = "<!-- end of what is measured -->"
HEAD = "| row | figure | bar | median (least–most) | verdict | ours | floor | measured |"
RULE = "|---|---|---|---|---|---|---|---|"


def told(figure: Figure) -> str:
    """Say it in a line for whoever waits."""
    sides = [f"ours {figure.ours}" if figure.ours else "", f"floor {figure.floor}" if figure.floor else ""]
    bar = f"bar {figure.bar}: {figure.verdict}" if figure.bar else ""
    return "; ".join(filter(None, [f"{figure.row}: {figure.what}: {figure.spread}", bar, *sides]))


def write(
    figures: Sequence[Figure], command: str, order: Sequence[str], machine: Iterable[str], file: Path = FILE
) -> None:
    """Put these figures in the place of those that were there of the same rows."""
    text = file.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    old, _, after = rest.partition(END)
    measured = {figure.row for figure in figures}
    kept = [line for line in old.splitlines() if line.startswith("| ") and line != HEAD and _row(line) not in measured]
    lines = [*kept, *(_line(figure, f"{datetime.now(UTC):%Y-%m-%d}, {len(figure.values)}×") for figure in figures)]
    lines.sort(key=lambda line: order.index(_row(line)))  # stable: figures of a row keep their order
    last = [f"Last run: `{command}`, on", "", *(f"- {line}" for line in machine)]
    block = "\n".join([BEGIN, "", *last, "", HEAD, RULE, *lines, "", END])
    file.write_text(f"{before}{block}{after}", encoding="utf-8")


def _line(figure: Figure, measured: str) -> str:
    cells = (
        figure.row,
        figure.what,
        str(figure.bar or ""),
        figure.spread,
        figure.verdict,
        figure.ours,
        figure.floor,
        measured,
    )
    return f"| {' | '.join(cells)} |"


def _row(line: str) -> str:
    return line.split("|")[1].strip()

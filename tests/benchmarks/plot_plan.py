"""Draw what a tick of the planner costs, by invoices and by what is due.

    python tests/benchmarks/plot_plan.py RESULTS.json PICTURE.svg

Runs in the environment of tests/benchmarks/requirements.lock.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

LINES = (("sqlite", "SQLite", "#1f5fa8", "s"), ("postgresql", "PostgreSQL", "#b3261e", "o"))


def main() -> None:
    """Read the results and draw them."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update(
        {
            "font.size": 10,
            "font.family": "sans-serif",
            "svg.fonttype": "none",
            "svg.hashsalt": "bench-plan",
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FuncFormatter

    results, picture = Path(sys.argv[1]), Path(sys.argv[2])
    points = json.loads(results.read_text(encoding="utf-8"))["points"]
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    sides = (("invoices", "due", 2_000, "invoices, 2,000 of them due"),
             ("due", "invoices", 100_000, "due, of 100,000 invoices"))  # fmt: skip
    for drawn, (along, fixed, at, label) in zip(axes, sides, strict=True):
        places: set[int] = set()
        for kind, name, colour, mark in LINES:
            line = sorted(
                (p[along], p["seconds"]) for p in points if p["kind"] == kind and p[fixed] == at
            )
            places |= {place for place, _ in line}
            if line:
                drawn.plot(*zip(*line, strict=True), color=colour, marker=mark, label=name)
        drawn.set(xscale="log", xlabel=label, ylabel="seconds of one tick")
        if along == "due":
            drawn.set_yscale("log")
        else:
            drawn.set_ylim(bottom=0)
        drawn.set_xticks(sorted(places), [f"{place:,}" for place in sorted(places)])
        drawn.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        drawn.minorticks_off()
        drawn.grid(visible=True, color="#dddddd", linewidth=0.6)
        drawn.set_axisbelow(True)
    axes[0].legend(frameon=False, fontsize=9)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, facecolor="white", metadata={"Date": None})


if __name__ == "__main__":
    main()

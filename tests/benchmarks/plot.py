"""Draw the curve: seconds and requests by number of invoices.

    python tests/benchmarks/plot.py RESULTS.json PICTURE.svg

Runs in the environment of tests/benchmarks/requirements.lock.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

LINES = (
    ("import", "first import", "#b3261e", "o"),
    ("sweep", "full sweep, nothing changed", "#1f5fa8", "s"),
    ("bare", "bare download of the same pages", "#7a7a7a", "D"),
    ("steady", "steady cycle", "#2e7d32", "^"),
)


def main() -> None:
    """Read the results and draw them."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update(
        {
            "font.size": 10,
            "font.family": "sans-serif",
            "svg.fonttype": "none",
            "svg.hashsalt": "bench-sync",
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FuncFormatter

    results, picture = Path(sys.argv[1]), Path(sys.argv[2])
    points: list[dict[str, Any]] = json.loads(results.read_text(encoding="utf-8"))["curve"]
    invoices = [point["size"]["invoices"] for point in points]
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for drawn, unit in zip(axes, ("seconds", "requests"), strict=True):
        for key, label, colour, mark in LINES:
            values = [point[key][unit] for point in points]
            drawn.plot(invoices, values, color=colour, marker=mark, markersize=5, label=label)
        drawn.set(xscale="log", yscale="log", xlabel="invoices of the ISP", ylabel=unit)
        drawn.set_xticks(invoices, [f"{number:,}" for number in invoices])
        drawn.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        drawn.minorticks_off()
        drawn.grid(visible=True, color="#dddddd", linewidth=0.6)
        drawn.set_axisbelow(True)
    axes[0].set_title("Time, against a stand-in of Wispro on the same machine", fontsize=10)
    axes[1].set_title("Requests to Wispro", fontsize=10)
    axes[0].legend(frameon=False, fontsize=9)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, facecolor="white", metadata={"Date": None})


if __name__ == "__main__":
    main()

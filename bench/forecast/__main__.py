"""Forecast every series from rolling origins with eigenlstm and with statsforecast's methods, and print the table.

    pip install eigenlstm statsforecast statsmodels pandas
    python -m bench.forecast --folder FOLDER         # where archives and what has been forecast are kept

MASE: mean absolute error over that of the seasonal naive forecast within the values before the first origin (of
persistence without a season). Coverage: share of the true values in the 80% range. Seconds: of all origins together,
one thread. statsforecast's methods are fitted again at every origin of series below 1,000 values, else once, and then
given what has come; ours is fitted once, to what comes before the first origin.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from . import peers, series

LIMIT = 1.02  # a MASE above this multiple of the better naive forecast's is counted as lost
NAIVE = ("persistence", "seasonal naive")


def main():
    parser = argparse.ArgumentParser(prog="python -m bench.forecast", description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=series.names(), metavar="NAME", help="of these series")
    parser.add_argument("--methods", nargs="*", default=list(peers.METHODS), metavar="NAME", help="of statsforecast")
    parser.add_argument("--json", type=Path, help="write the table to this file, too")
    options = parser.parse_args()
    series.fetch(options.folder)
    peers.warm_up()
    rows = []
    for name in options.only:
        each = series.read(options.folder, name)
        rows.append({"name": name, "values": len(each.values), **scored(each, options)})
        print("\n".join(lines(rows[-1:], options.methods)[2 * (len(rows) > 1) :]), flush=True)
    print("\n" + "\n".join(summary(rows, options.methods)))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


def scored(each, options):
    """dict from each method to its MASE, coverage and seconds, with those that ours is made of."""
    truth = each.values[each.origins[:, None] + np.arange(each.horizon)]
    known = each.values[: each.origins[0]]
    unit = np.abs(known[each.season :] - known[: -each.season]).mean()
    found = {"eigenlstm": ours(each, unit)}
    for method in options.methods:
        kept = peers.kept_forecasts(options.folder / "forecasts", method, each)
        if kept is not None:
            point, lower, upper, seconds = kept
            inside = ((truth >= lower) & (truth <= upper)).mean()
            found[method] = {"mase": np.abs(point - truth).mean() / unit, "coverage": inside, "seconds": seconds}
    return {"methods": found, "forecast values": truth.size}


def ours(each, unit):
    """Ours with all its defaults but the season, which statsforecast is given as well."""
    import eigenlstm
    from eigenlstm.forecasting import Forecaster

    eigenlstm.set_num_threads(1)
    start, first = time.perf_counter(), each.origins[0]
    forecaster = Forecaster(each.horizon, season=each.season).fit(each.values[:first], each.times[:first])
    backtest = forecaster.backtest(each.values, each.times, start=first, max_origins=len(each.values))
    seconds = time.perf_counter() - start
    chosen = np.isin(backtest.origins, each.origins)
    if chosen.sum() != len(each.origins):
        raise ValueError(f"{each.name}: {len(each.origins)} origins were asked for, {chosen.sum()} forecast")
    made_of = {name: np.abs(errors[chosen]).mean() / unit for name, errors in backtest.errors.items()}
    return {
        "mase": made_of.pop("forecast"),
        "coverage": backtest.inside[chosen].mean(),
        "seconds": seconds,
        "parts": made_of,
        "weights": forecaster.weights,
    }


def lines(rows, methods):
    """The rows of the table, after two of its head."""
    table = [
        "| series | values | " + " | ".join(["eigenlstm", *methods]) + " |",
        "|---|--:|" + "--:|" * (len(methods) + 1),
    ]
    for row in rows:
        cells = []
        for method in ["eigenlstm", *methods]:
            got = row["methods"].get(method)
            cells.append(f"{got['mase']:.3f}, {got['coverage']:.0%}, {got['seconds']:.1f} s" if got else "–")
        table.append(f"| {row['name']} | {row['values']:,} | " + " | ".join(cells) + " |")
    return table


def summary(rows, methods):
    """Geometric means of MASE over those of each method, coverage, and the series that naive forecasts win."""
    for title, chosen in (("all", rows), ("1,000 values and more", [row for row in rows if row["values"] >= 1000])):
        for method in methods:
            both = [row["methods"] for row in chosen if method in row["methods"]]
            if both:
                ratio = np.exp(np.mean([np.log(each["eigenlstm"]["mase"] / each[method]["mase"]) for each in both]))
                yield f"{title}: MASE {ratio:.3f} of {method}'s (geometric mean over {len(both)} series)"
    got = {row["name"]: row["methods"]["eigenlstm"] for row in rows}
    naive = {name: min(each["parts"][part] for part in NAIVE if part in each["parts"]) for name, each in got.items()}
    lost = [
        f"{name} ({each['mase'] / naive[name]:.2f})" for name, each in got.items() if each["mase"] > LIMIT * naive[name]
    ]
    yield f"worse than the better naive forecast by more than 2%: {len(lost)} of {len(rows)}: {', '.join(lost)}"
    for method in ["eigenlstm", *methods]:
        held = [row["methods"][method]["coverage"] for row in rows if method in row["methods"]]
        yield f"coverage of {method}'s 80% range: {np.mean(held):.1%} on average, {np.min(held):.0%} at least"
    low = [row["name"] for row in rows if row["forecast values"] >= 100 and got[row["name"]]["coverage"] < 0.65]
    yield f"below 65% with 100 forecast values or more: {', '.join(low) or 'none'}"


if __name__ == "__main__":
    main()

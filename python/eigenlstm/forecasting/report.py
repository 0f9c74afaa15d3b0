"""What a forecast run says, as text: tables of errors, verdicts, what a forecast is made of."""

import numpy as np

from .results import FORECAST


def error_table(backtest, step, unit=""):
    """Lines with the MAE and RMSE of each method at some steps of the horizon and over all of them."""
    horizon = next(iter(backtest.errors.values())).shape[1]
    shown = chosen_steps(horizon)
    lines = []
    for title, measure in (("MAE", backtest.mae), ("RMSE", backtest.rmse)):
        rows = [[f"{title}{f' ({unit})' if unit else ''}", *(f"+{k}" for k in shown), f"1..{horizon}"]]
        for name in backtest.errors:
            by_step = measure(name)
            overall = np.nanmean(by_step) if title == "MAE" else np.sqrt(np.nanmean(np.square(by_step)))
            rows.append([name, *(_number(by_step[k - 1]) for k in shown), _number(overall)])
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines += [
            "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))]) for row in rows
        ] + [""]
    one = f", a step is {step}" if step else ""
    return lines + [f"+k: k steps ahead{one}; 1..{horizon}: all of them together"]


def chosen_steps(horizon, most=7):
    """At most `most` steps of 1..horizon, closer together at its start: 1, 2, 3, 6, 12, 24, …"""
    steps = [1, 2, *(3 * 2**k for k in range(40))]
    steps = [k for k in steps if k < 0.8 * horizon] + [horizon]
    return [steps[i] for i in np.unique(np.rint(np.linspace(0, len(steps) - 1, most)).astype(int))]


def verdict(backtest, seasonal_period=None):
    """Lines that say by how much the forecast wins or loses against each naive one."""
    ours = backtest.mae(FORECAST)
    known = ~np.isnan(ours)  # a step that was never observed has no error
    ours, lines = ours[known], []
    for name in ("persistence", "seasonal naive"):
        if name not in backtest.errors:
            continue
        theirs = backtest.mae(name)[known]
        ratio = ours.mean() / theirs.mean() if theirs.mean() > 0 else np.inf
        share = f"{abs(1 - ratio):.0%} " if np.isfinite(ratio) else ""
        wins = int(np.sum(ours < theirs))
        if name == "seasonal naive" and seasonal_period:
            name = f"{name}, the value {seasonal_period} steps ago"
        how = "the same as" if share == "0% " else f"{share}{'lower' if ratio < 1 else 'higher'} than"
        lines.append(
            f"the forecast's mean absolute error is {how} that of {name} (lower at {wins} of {len(ours)} steps)"
        )
    return lines


def made_of(weights):
    """The methods that a forecast is the mean of, with their shares: ``0.64 LSTM + 0.36 Theta``."""
    shares = sorted(((share, name) for name, share in weights.items() if share >= 0.005), reverse=True)
    return " + ".join(f"{share:.2f} {name}" for share, name in shares)


def _number(value):
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"

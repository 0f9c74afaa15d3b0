"""What `fit` shows while it runs: a table with a line for each epoch and, below it, tqdm's bar where installed."""

import sys
import time

from ..tables import format_row

_EVERY = 0.1  # seconds between two updates of the bar


class Progress:
    """Shows nothing for `verbose` 0; the table and, in a terminal or notebook, the bar for 1; only the table for 2.

    There are `epochs` epochs of `steps` steps each (0 if unknown), and the first `done` epochs were trained before.
    """

    def __init__(self, verbose, epochs, steps, done):
        self._verbose, self._epochs = verbose, epochs
        self._columns, self._widths = None, None
        self._next, self._pending = 0.0, 0
        self._bar = None
        if verbose == 1 and _shows_bars():
            total = epochs * steps if steps else None
            self._bar = _tqdm(
                total=total, initial=done * steps, unit="step", dynamic_ncols=True, leave=False, mininterval=_EVERY
            )

    def step(self, loss):
        """Called after each step; costs next to nothing unless the bar is due for an update."""
        if self._bar is None:
            return
        self._pending += 1
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _EVERY
            self._bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
            self._bar.update(self._pending)
            self._pending = 0

    def epoch(self, logs):
        """Called after each epoch: prints a line of the table."""
        if not self._verbose:
            return
        cells = {name: _cell(name, value, self._epochs) for name, value in logs.items()}
        if self._columns != list(cells):
            self._columns = list(cells)
            self._widths = [max(len(name), len(cell), 9) for name, cell in cells.items()]
            self._print(format_row([name.rjust(width) for name, width in zip(cells, self._widths)], self._widths))
        self._print(format_row([cell.rjust(width) for cell, width in zip(cells.values(), self._widths)], self._widths))

    def note(self, text):
        """Print a line that is no part of the table."""
        if self._verbose:
            self._print(text)

    def close(self):
        if self._bar is not None:
            self._bar.close()

    def _print(self, line):
        if self._bar is not None:
            self._bar.write(line, file=sys.stdout)
        else:
            print(line, flush=True)


def _shows_bars():
    """Whether output goes to a terminal or a notebook, where a bar can be redrawn, and not to a pipe or a file."""
    if sys.stderr is None or sys.stdout is None:
        return False
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is not None and hasattr(shell, "kernel") or sys.stderr.isatty()


def _tqdm(**options):
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm(**options)


def _cell(name, value, epochs):
    if name == "epoch":
        return f"{value}/{epochs}"
    if name == "seconds":
        return f"{value:.1f}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

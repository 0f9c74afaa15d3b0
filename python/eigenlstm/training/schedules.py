"""Learning rates as functions of the step: ``rate(step) -> float``, for `eigenlstm.schedule`.

>>> warm = el.schedules.warm_up(el.schedules.cosine(1e-3, steps=1000), steps=100)
>>> history = model.fit(x, y, loss="mse", optimizer=el.Adam(), callbacks=[el.schedule(warm)], verbose=0)

Steps count from 0. The formulas are those of PyTorch's ``lr_scheduler``, in closed form.
"""

import math

from ..checks import number
from ..did_you_mean import attributes_of


def step_decay(rate, *, every, factor=0.1):
    """``rate · factor^⌊step / every⌋`` (StepLR)."""
    _positive("step_decay", rate=rate, every=every, factor=factor)
    return lambda step: rate * factor ** (step // every)


def cosine(rate, *, steps, final=0.0):
    """Half a cosine from `rate` to `final` over `steps`, then `final` (CosineAnnealingLR;
    Loshchilov, Hutter 2017)."""
    _positive("cosine", rate=rate, steps=steps)
    return lambda step: _anneal(rate, final, min(step / steps, 1))


def one_cycle(max_rate, *, steps, warm=0.3, start_factor=25.0, final_factor=1e4):
    """Up from ``max_rate / start_factor`` in the share `warm` of `steps`, then down to
    ``max_rate / (start_factor · final_factor)``, both half cosines (OneCycleLR; Smith, Topin 2018)."""
    _positive("one_cycle", max_rate=max_rate, start_factor=start_factor, final_factor=final_factor)
    steps, warm = number(steps, "one_cycle: steps"), number(warm, "one_cycle: warm")
    if not (steps > 1 and 0 < warm < 1 and warm * steps > 1):
        raise ValueError(
            f"one_cycle: warm must lie between 0 and 1 and take more than one step, "
            f"got warm {warm!r} of {steps!r} steps"
        )
    start = max_rate / start_factor
    peak, last = warm * steps - 1, steps - 1

    def rate(step):
        if step <= peak:
            return _anneal(start, max_rate, step / peak)
        return _anneal(max_rate, start / final_factor, min((step - peak) / (last - peak), 1))

    return rate


def warm_up(rate, *, steps, start=0.0):
    """A line from ``start · rate(steps)`` to ``rate(steps)`` over `steps`, then `rate`, a schedule or a
    number."""
    _positive("warm_up", steps=steps)
    after = rate if callable(rate) else lambda step: rate

    def warmed(step):
        if step >= steps:
            return after(step)
        return after(steps) * (start + (1 - start) * step / steps)

    return warmed


def _anneal(start, end, share):
    """Half a cosine from `start` to `end`."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _positive(where, **values):
    for name, value in values.items():
        if not number(value, f"{where}: {name}") > 0:
            raise ValueError(f"{where}: {name} must be positive, got {value!r}")


__getattr__ = attributes_of(__name__, "el.schedules", ["cosine", "one_cycle", "step_decay", "warm_up"])

"""Series of pandas and polars, and Arrow tables: their values and times, and the index that a forecast goes on with.

Neither library is imported unless an object of it comes in or is asked for.
"""

import numpy as np

from .series import Series, SeriesError, step_of
from .windows import checked_observed, checked_times

_EXTRA = 'needs {0}: pip install "eigenlstm[{0}]"'


def arrays_of(values, times, exog, where):
    """``(values, times, exog)`` as arrays, where they are anything else.

    A pandas Series gives its times by a DatetimeIndex or PeriodIndex; a frame of pandas, polars or Arrow has one column
    of numbers and at most one of times. Times with a zone are those of the clock on the wall.
    """
    kind = _kind(values)
    if kind is not None:
        series, index = _series_and_index(values, kind, where)
        if kind == "pandas" and _kind(exog) == "pandas" and not exog.index.equals(values.index):
            raise ValueError(f"{where}: exog must have the index of values; give exog.loc[values.index]")
        values = _numbers(series, where, "values")
        if times is None and index is not None:
            times = _wall_times(index, _kind(index), where)
    if _kind(exog) is not None:
        exog = _numbers(exog, where, "exog")
        exog = exog[:, None] if exog.ndim == 1 else exog
    if _kind(times) is not None:
        times = _wall_times(times, _kind(times), where)
    return values, times, exog


def continued(values, times, steps, where):
    """The index of the `steps` values that follow: of pandas, a column of polars, datetime64; None where there is
    none to go on with."""
    kind = _kind(values)
    index = times if times is not None or kind is None else _series_and_index(values, kind, where)[1]
    kind = _kind(index)
    if kind == "pandas":
        return _continued_pandas(index, steps, where)
    if index is None:
        return None
    if kind == "polars":
        return _continued_polars(index, steps, where)
    try:
        return _step(np.asarray(index).astype("M8[s]")).after(np.asarray(index)[-1].astype("M8[s]"), steps)
    except SeriesError:
        return None


def series_of(values, times, observed, name, where):
    """The `Series` of what `arrays_of` takes, in UTC where its times have a zone."""
    kind, index = _kind(values), times
    if kind is not None and times is None:
        index = _series_and_index(values, kind, where)[1]
    values, walls, _ = arrays_of(values, times, None, where)
    values = np.asarray(values, np.float64)
    observed = checked_observed(observed, values.shape, where)
    without = np.empty((len(values), 0))
    if walls is None:
        return Series(name, values, None, None, without, observed=observed)
    walls = checked_times(walls, values.shape, where).astype("M8[s]")
    zone = getattr(index, "tz", None) or getattr(getattr(index, "dtype", None), "time_zone", None)
    if zone is not None and _name_of(zone):
        from zoneinfo import ZoneInfo

        zone = ZoneInfo(_name_of(zone))
    moments = walls if zone is None else _seconds(_utc(index))
    try:
        return Series(name, values, moments, _step(walls), without, observed=observed, zone=zone)
    except SeriesError:  # uneven, unless it is the clock that was changed
        return Series(name, values, moments, _step(moments), without, observed=observed, zone=zone)


def _name_of(zone):
    """The name of a time zone, of polars, zoneinfo or pytz; None for a fixed offset."""
    return zone if isinstance(zone, str) else getattr(zone, "key", None) or getattr(zone, "zone", None)


def _utc(index):
    """`index`, of times with a zone, as times in UTC without one."""
    if _kind(index) == "polars":
        return index.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return index.tz_convert("UTC").tz_localize(None)


def _seconds(index):
    return index.to_numpy().astype("M8[s]")


def pandas_frame(columns, index):
    """A DataFrame of `columns`, a dict of arrays (n,), with `index` (n,); polars and datetime64 become pandas' own."""
    try:
        import pandas as pd
    except ImportError:
        raise ImportError("Forecast.to_pandas " + _EXTRA.format("pandas")) from None
    if _kind(index) == "polars":
        zone = getattr(index.dtype, "time_zone", None)
        moments = pd.DatetimeIndex((_utc(index) if zone else index).to_numpy(), name=index.name)
        index = moments.tz_localize("UTC").tz_convert(zone) if zone else moments
    return pd.DataFrame(columns, index=index)


def polars_frame(columns, index):
    """A polars DataFrame of `columns`, a dict of arrays (n,), after one with `index` (n,) if that is given."""
    try:
        import polars as pl
    except ImportError:
        raise ImportError("Forecast.to_polars " + _EXTRA.format("polars")) from None
    first = {}
    if index is not None:
        name = getattr(index, "name", None) or "time"
        if _kind(index) == "pandas":
            index = index.to_timestamp() if hasattr(index, "to_timestamp") else index
            zone = getattr(index, "tz", None)
            index = pl.Series(name, (index if zone is None else _utc(index)).to_numpy())
            if zone is not None:
                index = index.dt.replace_time_zone("UTC")
                index = index.dt.convert_time_zone(_name_of(zone)) if _name_of(zone) else index
        elif _kind(index) is None:
            index = pl.Series(name, index.astype("M8[us]"))
        first = {name: index}
    return pl.DataFrame({**first, **columns})


def _kind(thing):
    """Which library `thing` is of: "pandas", "polars", "arrow", or None for all else."""
    library = type(thing).__module__.partition(".")[0]
    if library in ("pandas", "polars"):
        return library
    return "arrow" if hasattr(thing, "__arrow_c_stream__") else None


def _series_and_index(values, kind, where):
    """The one column of numbers, and the index or column of times; None without times."""
    if kind == "arrow":
        try:
            import polars as pl
        except ImportError:
            raise ImportError(f"{where}: an Arrow table {_EXTRA.format('polars')}") from None
        values, kind = pl.DataFrame(values), "polars"
    if values.ndim == 1 if kind == "pandas" else not hasattr(values, "columns"):
        return values, _plain_index(values.index) if kind == "pandas" else None
    is_time = {name: _is_time(values[name].dtype) for name in values.columns}
    times = [name for name, timelike in is_time.items() if timelike]
    numbers = [name for name, timelike in is_time.items() if not timelike]
    if len(numbers) != 1 or len(times) > 1:
        raise ValueError(
            f"{where}: values must have one column of numbers and at most one of times, got {list(values.columns)}; "
            "choose one, and give the others as exog"
        )
    if kind == "polars":
        return values[numbers[0]], values[times[0]] if times else None
    values = values.set_index(times[0]) if times else values
    return values[numbers[0]], _plain_index(values.index)


def _plain_index(index):
    """`index` of pandas, times of Arrow as pandas' own."""
    if not str(index.dtype).startswith("timestamp"):
        return index
    import pandas as pd

    return pd.DatetimeIndex(index)


def _is_time(dtype):
    return (
        hasattr(dtype, "is_temporal")
        and dtype.is_temporal()
        or str(dtype).startswith(("datetime64", "period", "timestamp"))
    )


def _numbers(series, where, name):
    try:
        if _kind(series) == "pandas":
            return series.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.asarray(series.to_numpy(), np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{where}: {name} must be numbers: {error}") from None


def _wall_times(index, kind, where):
    """datetime64 (n,), None for an index that has no times."""
    if kind == "polars":
        ascending = index.is_sorted() and index.n_unique() == len(index)
        index = index.dt.replace_time_zone(None) if getattr(index.dtype, "time_zone", None) else index
    else:
        import pandas as pd

        if isinstance(index, pd.PeriodIndex):
            index = index.to_timestamp()
        elif isinstance(index, pd.Series):
            index = pd.DatetimeIndex(index)
        if not isinstance(index, pd.DatetimeIndex):
            return None
        ascending = index.is_monotonic_increasing and index.is_unique
        index = index.tz_localize(None)
    if not ascending:
        raise ValueError(f"{where}: the times must ascend, no two the same; sort the values, without duplicates")
    return _seconds(index)


def _continued_pandas(index, steps, where):
    import pandas as pd

    index = pd.DatetimeIndex(index) if isinstance(index, pd.Series) else index
    if isinstance(index, pd.PeriodIndex):
        if len(index) > 1 and (np.diff(index.asi8) != index.freq.n).any():
            raise ValueError(f"{where}: periods are missing in the index; fill them in: values.reindex(...)")
        return pd.period_range(index[-1] + index.freq, periods=steps, freq=index.freq, name=index.name)
    if not isinstance(index, pd.DatetimeIndex):
        if index.dtype.kind not in "iu":
            return pd.RangeIndex(len(index), len(index) + steps)
        apart = np.unique(np.diff(index)) if len(index) > 1 else np.array([1])
        step = int(apart[0]) if len(apart) == 1 and apart[0] else 1
        last = int(index[-1]) if len(apart) == 1 and apart[0] else len(index) - 1
        return pd.RangeIndex(last + step, last + step * (steps + 1), step, name=index.name)
    freq = index.freq or (pd.infer_freq(index) if len(index) > 2 else None)
    if freq is not None:
        return pd.date_range(index[-1], periods=steps + 1, freq=freq, name=index.name)[1:]
    walls = index.tz_localize(None)
    try:
        ahead = _step(_seconds(walls)).after(_seconds(walls)[-1], steps)
    except SeriesError:
        raise ValueError(
            f"{where}: the times are not evenly spaced; give values.asfreq(...), interpolated, and observed where "
            "values were not filled in"
        ) from None
    ahead = pd.DatetimeIndex(ahead.astype(walls.dtype), name=index.name)
    return ahead if index.tz is None else ahead.tz_localize(index.tz, ambiguous=True, nonexistent="shift_forward")


def _continued_polars(times, steps, where):
    import polars as pl

    zone = getattr(times.dtype, "time_zone", None)
    walls = times.dt.replace_time_zone(None) if zone else times
    try:
        step = _step(_seconds(walls))
        daily = step.whole("M8[D]")
    except SeriesError:  # the clock was changed within hours
        daily = False
        try:
            step = _step(_seconds(_utc(times)))
        except SeriesError:
            raise ValueError(
                f"{where}: the times are not evenly spaced; give them all, interpolated values where there were none, "
                "and observed where values were not filled in"
            ) from None
    last = _seconds(walls if daily or not zone else _utc(times))[-1]
    ahead = pl.Series(times.name, step.after(last, steps).astype("M8[us]"))
    if zone and daily:
        return ahead.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    ahead = ahead.dt.replace_time_zone("UTC").dt.convert_time_zone(zone) if zone else ahead
    return ahead.cast(times.dtype)


def _step(times):
    """The step of times without gaps; SeriesError where there are some."""
    step, positions = step_of(times)
    if len(positions) != positions[-1] + 1:
        raise SeriesError("times are missing")
    return step

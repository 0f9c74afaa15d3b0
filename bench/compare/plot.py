"""GFLOP/s by shape, a panel for inference and one for training: the picture of the README."""

from __future__ import annotations

from pathlib import Path

from .judge import gflops

STYLES = {  # colour, marker, and where beside the middle of its shape, so that none hides another
    "eigenlstm": ("#c0392b", "o", 0.0),
    "PyTorch": ("#2c3e50", "s", -0.16),
    "ONNX Runtime": ("#2980b9", "^", -0.08),
    "OpenVINO": ("#8e44ad", "v", 0.08),
    "JAX": ("#16a085", "D", 0.16),
    "Keras": ("#d68910", "P", 0.24),
}


def draw(run: dict, file: Path, threads: int = 1) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update(
        {"svg.fonttype": "none", "svg.hashsalt": "eigenlstm", "font.family": "sans-serif", "font.size": 9}
    )
    groups = [g for g in ("inference", "training") if any(r["group"] == g for r in run["rows"])]
    if not groups:
        raise SystemExit("plot: the run has no row of the grid")
    figure, axes = plt.subplots(len(groups), 1, figsize=(8, 2.9 * len(groups)), squeeze=False, layout="constrained")
    for axis, group in zip(axes[:, 0], groups):
        panel(axis, run, group, threads)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    count = f"{threads} thread{'s' * (threads > 1)}"
    figure.supxlabel(f"{run['machine']['processor']}, {count}, float32", fontsize=8)
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None, dpi=110)
    plt.close(figure)


def panel(axis, run: dict, group: str, threads: int) -> None:
    records = [r for r in run["rows"] if r["group"] == group and r["threads"] == threads]
    for label, (colour, marker, beside) in STYLES.items():
        speeds = [gflops(record, label) for record in records]
        if any(speeds):
            ours = label == "eigenlstm"
            places = [i + beside for i in range(len(records))]
            known = [s or float("nan") for s in speeds]
            axis.plot(places, known, marker, color=colour, label=label, ms=8 if ours else 5, zorder=3 if ours else 2)
    peaks = [(r["peak"] or float("nan")) * threads for r in records]
    ends = [i - 0.5 for i in range(len(records))], [i + 0.5 for i in range(len(records))]
    axis.hlines(peaks, *ends, color="grey", lw=0.8, ls="--", label="FMA peak")
    axis.set_xticks(
        range(len(records)),
        [r["work"].replace(" B", "\nB", 1).replace(" I", "\nI").replace(" H", "\nH") for r in records],
        fontsize=7,
    )
    axis.set_ylabel(f"{group}, GFLOP/s")
    axis.set_ylim(0)
    axis.grid(axis="y", lw=0.3)
    axis.spines[["top", "right"]].set_visible(False)

"""The engine: the grid of shapes in inference, training and streaming, and the cases that peers are slow at."""

from ..work import Lstm
from . import ONE_THREAD, OURS, Contestant, Row, Target

GRID = [  # T, B, I, H
    (1, 1, 16, 16),
    (1, 1, 64, 64),
    (1, 1, 256, 256),
    (100, 1, 64, 64),
    (100, 1, 256, 256),
    (50, 1, 1024, 1024),
    (100, 8, 64, 64),
    (100, 32, 32, 64),
    (100, 32, 128, 128),
    (100, 64, 256, 256),
    (50, 32, 512, 512),
    (20, 64, 1024, 1024),
    (365, 256, 32, 64),
]
MIDDLE = (100, 32, 128, 128)

US = {OURS: Contestant("eigenlstm"), "eigenlstm time-major": Contestant("eigenlstm", options={"time_major": True})}
ALONE = {ONE_THREAD: Contestant("eigenlstm", threads=1)}
PYTORCH = {"PyTorch": Contestant("pytorch")}
RUNTIMES = {"ONNX Runtime": Contestant("onnxruntime"), "OpenVINO": Contestant("openvino")}
COMPILERS = {"JAX": Contestant("jax"), "Keras": Contestant("keras")}
INFERENCE = US | PYTORCH | RUNTIMES | COMPILERS
TRAINING = US | PYTORCH | COMPILERS
STEP = {OURS: US[OURS]} | PYTORCH | RUNTIMES | COMPILERS


def of_mode(mode: str) -> dict[str, Contestant]:
    return TRAINING if mode == "training" else INFERENCE


def beside_one(threads: int, contestants: dict[str, Contestant]) -> dict[str, Contestant]:
    return contestants | ALONE if threads > 1 else contestants


def grid(threads: int) -> list[Row]:
    rows = []
    for shape in GRID:
        single = shape[:2] == (1, 1)
        if single and threads == 1:
            rows.append(Row("step", Lstm(*shape, mode="step"), STEP))
        for mode in ("inference", "training"):
            group = f"{mode}, T = 1" if single else mode
            rows.append(Row(group, Lstm(*shape, mode=mode), beside_one(threads, of_mode(mode)), threads))
    return rows


def special(threads: int) -> list[Row]:
    rows = []
    for mode in ("inference", "training"):
        everyone, two = of_mode(mode), US | PYTORCH
        lengths = two | RUNTIMES if mode == "inference" else two
        rows += [
            Row(f"ragged {mode}", Lstm(100, 64, 128, 128, mode, ragged=True), lengths, threads),
            Row(f"float64 {mode}", Lstm(*MIDDLE, mode, dtype="float64"), two | COMPILERS, threads),
            Row(
                f"two bidirectional layers, {mode}",
                Lstm(*MIDDLE, mode, layers=2, bidirectional=True),
                everyone,
                threads,
            ),
            Row(f"H = 50, {mode}", Lstm(100, 32, 50, 50, mode), everyone, threads),
        ]
    return rows


def apart(threads: int) -> list[Row]:
    """As a server or a gateway calls."""
    contestants = beside_one(threads, {OURS: US[OURS]} | PYTORCH | RUNTIMES)
    return [
        Row("inference, a call every 10 ms", Lstm(*shape), contestants, threads, pause=0.01)
        for shape in ((100, 8, 64, 64), MIDDLE)
    ]


MEMORY = [
    Row("peak memory of training", Lstm(*shape, mode="training"), {OURS: US[OURS]} | PYTORCH, measure="bytes")
    for shape in ((100, 1, 64, 64), MIDDLE, (100, 64, 256, 256), (20, 64, 1024, 1024), (365, 256, 32, 64))
]

ROWS = grid(1) + grid(2) + special(1) + special(2) + apart(1) + apart(2) + MEMORY

TARGETS = [
    Target("inference, T > 1, to the best peer", ("inference",), "best", each=1.05, mean=1.35),
    Target("inference, T > 1, to PyTorch", ("inference",), "PyTorch", each=1.2, mean=1.9),
    Target("training, T > 1, to the best peer", ("training",), "best", each=1.2, mean=1.65),
    Target("one step from Python, to the best peer", ("step",), "best", each=2, mean=5),
    Target("ragged inference, to PyTorch's packed sequences", ("ragged inference",), "PyTorch", each=1.8),
    Target("ragged training, to PyTorch's packed sequences", ("ragged training",), "PyTorch", each=4),
    Target("float64, to PyTorch", ("float64 inference", "float64 training"), "PyTorch", each=2.2),
    Target("H = 50, to PyTorch", ("H = 50, inference", "H = 50, training"), "PyTorch", each=2),
    Target(
        "two bidirectional layers, to PyTorch",
        ("two bidirectional layers, inference", "two bidirectional layers, training"),
        "PyTorch",
        each=1.4,
    ),
    Target("peak memory of training, to PyTorch", ("peak memory of training",), "PyTorch", each=1),
]

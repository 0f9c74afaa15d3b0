"""What `import eigenlstm` brings in, and what it shows."""

import subprocess
import sys


def run(code):
    """What a fresh interpreter prints for `code`."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_importing_brings_in_nothing_beyond_numpy_but_the_modules_of_the_lstm():
    brought = run(
        "import sys, numpy, threading\n"
        "before = set(sys.modules)\n"
        "import eigenlstm\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    assert set(brought) == {
        "eigenlstm",
        *(f"eigenlstm.{name}" for name in ("_core", "_moved", "checks", "layers", "seeds")),
        *(
            f"eigenlstm.layers.{name}"
            for name in (
                "base",
                "lstm",
                "lstm_state",
                "lstm_weights",
                "parameters",
                "registry",
                "symbolic",
            )
        ),
    }


def test_dir_shows_the_public_names_alone():
    import eigenlstm as el

    assert set(dir(el)) == {*el.__all__, *el._MODULES}
    assert {"LSTM", "losses", "optimizers", "info"} <= set(dir(el))
    assert {name for name in dir(el) if name.startswith("_")} == {"__version__"}

"""``--mpi``: the scores and files of one process from several, of which rank 0 alone shows and writes."""

import json
import os

import pytest
from ranks import by_mpi

pytest.importorskip("mpi4py", reason="mpi4py is not installed")
pytest.importorskip("matplotlib", reason="matplotlib is not installed")


@pytest.mark.parametrize("app, epochs", [("classify", 4), ("forecast", 1)])
def test_two_ranks_write_what_one_does(app, epochs, tmp_path):
    said, scores, model = {}, {}, {}
    for ranks in (1, 2):
        folder = tmp_path / str(ranks)
        options = ["--mpi", "--epochs", epochs, "--out", folder, "--json", folder / "scores.json"]
        done = by_mpi(ranks, "-m", f"eigenlstm.apps.{app}", *options)
        assert done.returncode == 0, done.stderr
        assert sorted(os.listdir(folder)) == [f"{app}.png", f"{app}.safetensors", "scores.json"]
        said[ranks] = done.stdout
        scores[ranks] = json.loads((folder / "scores.json").read_text())
        assert scores[ranks].pop("seconds") > 0
        model[ranks] = (folder / f"{app}.safetensors").read_bytes()
    assert scores[1] == scores[2] and model[1] == model[2]
    assert said[2].count("written:") == said[2].count("parameters, float32") == 1
    assert len(said[1].splitlines()) == len(said[2].splitlines())


def test_a_rank_that_ends_before_the_training_ends_all(tmp_path):
    """By sys.exit, as applications do where data are missing; the other rank waits in `fit` by then."""
    program = (
        "import sys\n"
        "from mpi4py import MPI\n"
        "from eigenlstm.apps import classify\n"
        "if MPI.COMM_WORLD.rank == 1:\n"
        "    classify.standardise = lambda *_: sys.exit('no data on this machine')\n"
        f"classify.main(['--mpi', '--quick', '--out', {str(tmp_path)!r}])\n"
    )
    done = by_mpi(2, "-c", program)
    assert done.returncode != 0
    assert "no data on this machine" in done.stderr
    assert "rank 1 of 2 ended before the training was done" in done.stderr
    assert not list(tmp_path.iterdir())


def test_mpi_with_load_is_refused(tmp_path, capsys):
    from eigenlstm.apps import classify

    with pytest.raises(SystemExit):
        classify.main(["--mpi", "--load", str(tmp_path / "model.safetensors")])
    assert "--mpi is for training" in capsys.readouterr().err

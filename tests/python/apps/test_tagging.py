"""Tagging: addresses and sentences are read as they are tagged, a committee is the sum of its members, and the
application runs on real addresses and on one of one's own.
"""

import json

import numpy as np
import pytest
from fetched_data import archive, png

import eigenlstm as el
from eigenlstm.apps import _tagging_data as data
from eigenlstm.apps import tagging

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
pytest.importorskip("sklearn_crfsuite", reason="sklearn-crfsuite is not installed")


def test_addresses_and_names_at_a_reduced_size(tmp_path, tmp_path_factory, capsys):
    addresses, names = (archive(package, tmp_path_factory) for package in (data.ADDRESSES, data.NAMES))
    folder = tmp_path / "data"
    folder.mkdir()
    for package, path in ((data.ADDRESSES, addresses), (data.NAMES, names)):
        (folder / package.file).write_bytes(path.read_bytes())
    texts = data.addresses(addresses.read_bytes())
    assert len(texts) == 1513 and len({tag for one in texts for tag in one.tags}) == 29
    assert texts[1].words == ["3600", "West", "5th", "Ave"] and texts[1].tags[1] == "I-StreetNamePreDirectional"
    sentences = data.names(names.read_bytes())
    assert len(sentences) == 500 and sum(tag.startswith("B-") for one in sentences for tag in one.tags) == 1282

    scores = tagging.main(
        ["--quick", "--data", str(folder), "--out", str(tmp_path), "--json", str(tmp_path / "scores.json")]
    )
    written = json.loads((tmp_path / "scores.json").read_text())
    (baseline,) = written.pop("baselines").values()
    assert {key: written[key] for key in scores} == scores and written["seconds"] > 0
    assert scores["f1"] > 0.8 and scores["whole"] > 0.5 and scores["f1_names"] > 0.5
    assert 0.8 < baseline["f1"] < 0.95 and 0.6 < baseline["f1_names"] < 0.8
    assert png(tmp_path / "tagging.png") and "MIT" in capsys.readouterr().out

    load = ["--load", str(tmp_path / "tagging.safetensors"), "--out", str(tmp_path)]
    parts = dict(tagging.main([*load, "--text", "221 North Baker St, Springfield, IL 62701"]))
    assert parts["221"] == "AddressNumber" and parts["62701"] == "ZipCode" and parts["IL"] == "StateName"
    with pytest.raises(SystemExit, match="2"):
        tagging.main(load)


def test_what_is_known_of_a_word():
    assert data.address_columns("Drive,") == ("drive", "Xx,", "_,", "ve")
    assert data.address_columns("8128") == ("0000", "0000", "_", "28")
    assert data.address_columns("#12B")[:3] == ("12b", "#00X", "#_")
    assert data.address_columns("&")[0] == "&"


def test_letters_point_to_the_ends_of_words():
    text = "12 Oak Ave"
    one = data.address_of(text.split(), ["I-a", "I-b", "I-c"])
    task = tagging.Task([one, one], [one], "conlleval")
    x = tagging.inputs([one], task.known, task.letters)
    assert x["letters"][0].tolist() == task.letters.encode([*text]).tolist()
    assert [text[a : b + 1] for a, b in zip(x["starts"][0], x["ends"][0])] == text.split()


def test_a_committee_is_the_sum_of_its_members():
    """Its chain is the best of the members' scores and transitions, added up."""
    one = data.address_of(["12", "Oak", "Ave", "Apt", "3"], [f"I-{i % 3}" for i in range(5)])
    task = tagging.Task([one, one], [one], "conlleval")
    sizes = {name: len(vocabulary) for name, vocabulary in task.known.items()}
    members = [tagging.Member(len(task.letters), sizes, 3, seed) for seed in (0, 100)]
    x = tagging.inputs([one], task.known, task.letters)
    arrays = {name: np.stack(rows) for name, rows in x.items()}
    emissions = 0.0
    for member in members:
        h, _ = member.spelling(member.letters(arrays["letters"]))
        h = h[0]
        spelt = [h[arrays["ends"][0], : tagging.SPELLING], h[arrays["starts"][0], tagging.SPELLING :]]
        known = [member.columns[name](arrays[name])[0] for name in data.COLUMNS]
        emissions = emissions + member.scores(member.context(np.concatenate(known + spelt, axis=1)[None])[0])
    states = [member.crf.state_dict() for member in members]
    crf = el.CRF(3)
    crf.load_state_dict({name: states[0][name] + states[1][name] for name in states[0]})
    (chain,) = crf.decode(emissions)
    (told,) = tagging.committee(members).predict(x)
    assert told.argmax(axis=1).tolist() == chain.tolist()


def test_spans_and_whole_texts_are_counted():
    one = data.address_of(["1", "Oak", "Park", "Ave"], ["I-n", "I-s", "I-s", "I-t"])
    task = tagging.Task([one, one], [one, one], "conlleval")
    scores = tagging.measured(task, [one.tags, ["I-n", "I-s", "I-t", "I-t"]])
    assert scores["whole"] == 0.5 and np.isclose(scores["f1"], 4 / 6)  # of three spans each; one and two of them wrong
    assert tagging.counted(task, [one.tags, ["I-n", "I-s", "I-t", "I-t"]], "s") == 0.5

"""Sentiment: words have the valence that the lexicon says; the application runs on real reviews and on a sentence of
one's own.
"""

import json

import numpy as np
import pytest
from fetched_data import archive, png

import eigenlstm as el
from eigenlstm.apps import sentiment

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")


def test_film_reviews_at_a_reduced_size(tmp_path, tmp_path_factory, capsys):
    sdist = archive(sentiment.DATA, tmp_path_factory)
    texts, ratings = sentiment.snippets(sdist.read_bytes())
    assert len(texts) == 10_605 and texts[2] == "Effective but too tepid biopic" and ratings[2] == -0.6
    train, valid, test = sentiment.split(len(texts), quick=False)
    assert len(train) + len(valid) + len(test) == len({*train, *valid, *test}) == len(texts)

    scores = sentiment.main(
        ["--quick", "--data", str(sdist), "--out", str(tmp_path), "--json", str(tmp_path / "scores.json")]
    )
    written = json.loads((tmp_path / "scores.json").read_text())
    baselines = written.pop("baselines")
    assert {key: written[key] for key in scores} == scores and written["seconds"] > 0
    assert scores["accuracy"] > 0.6 and scores["correlation"] > 0.35
    assert 0.6 < baselines["VADER"]["accuracy"] < 0.7 and baselines["TF-IDF, logistic regression"]["correlation"] > 0.3
    assert png(tmp_path / "sentiment.png") and "MIT" in capsys.readouterr().out

    load = ["--load", str(tmp_path / "sentiment.safetensors"), "--out", str(tmp_path)]
    good, bad = (sentiment.main([*load, "--text", text]) for text in ("a wonderful, moving film", "a dull, awful mess"))
    assert bad < 0.5 < good
    with pytest.raises(SystemExit, match="2"):
        sentiment.main(load)


def test_words_have_their_valence_before_training():
    tokenizer = el.text.WordTokenizer.train(["good good bad film"])
    model = sentiment.build(tokenizer, {"good": 1.9, "bad": -2.5}, seed=0)
    vector = dict(zip(["good", "bad", "film"], model[0](tokenizer.encode("good bad film"))))
    assert np.allclose([vector[word][0] for word in ("good", "bad", "film")], [1.9, -2.5, 0.0])
    assert all(0 < np.abs(one[1:]).max() < 2 for one in vector.values())


def test_a_committee_says_the_mean_of_what_its_members_say():
    tokenizer = el.text.WordTokenizer.train(["a good film", "a bad film"])
    members = [sentiment.build(tokenizer, {"good": 1.9}, seed=10 * i) for i in range(3)]
    rows = tokenizer.encode_batch(["a good film", "bad"])
    alone = np.mean([member.predict(rows).astype(np.float64) for member in members], axis=0)
    np.testing.assert_allclose(sentiment.committee(members).predict(rows), alone, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(members[0].predict(rows), sentiment.build(tokenizer, {"good": 1.9}, 0).predict(rows))


def test_scores_are_of_signs_and_of_ratings():
    scores = sentiment.scored([1.0, -1.0, 2.0, -0.5], np.array([0.5, 0.5, 3.0, -2.0]))
    assert scores["accuracy"] == 0.75
    assert np.isclose(scores["correlation"], np.corrcoef([1.0, -1.0, 2.0, -0.5], [0.5, 0.5, 3.0, -2.0])[0, 1])

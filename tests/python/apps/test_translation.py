"""Translation: catalogues are read as gettext reads them, no message is on two sides, the baselines do what they say; the
application runs on real messages and on one of one's own.
"""

import gettext
import io
import json
import struct
from types import SimpleNamespace

import numpy as np
import pytest
from fetched_data import archive, png

from eigenlstm.apps import _catalogues, translation


def compiled(entries, order="<"):
    """A catalogue (.mo) of ``message -> translation``."""
    texts = [[text.encode() + b"\0" for text in pair] for pair in sorted(entries.items())]
    count, place = len(texts), 28 + 16 * len(texts)
    tables: list[list[bytes]] = [[], []]
    for side in (0, 1):
        for pair in texts:
            tables[side].append(struct.pack(order + "2I", len(pair[side]) - 1, place))
            place += len(pair[side])
    head = struct.pack(order + "7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0)
    return head + b"".join(tables[0] + tables[1]) + b"".join(pair[side] for side in (0, 1) for pair in texts)


@pytest.mark.parametrize("order", ["<", ">"])
def test_catalogues_are_read_as_gettext_reads_them(order):
    entries = {"": "Content-Type: text/plain; charset=UTF-8\n", "Delete": "Supprimer", "menu\x04File": "Fichier"}
    entries["%d file\0%d files"] = "%d fichier\0%d fichiers"
    contents = compiled(entries, order)
    told = dict(_catalogues.messages(contents))
    assert told == {"Delete": "Supprimer", "File": "Fichier", "%d file": "%d fichier"}
    catalogue = gettext.GNUTranslations(io.BytesIO(contents))
    assert catalogue.gettext("Delete") == told["Delete"] and catalogue.pgettext("menu", "File") == told["File"]
    with pytest.raises(SystemExit, match="no compiled catalogue"):
        list(_catalogues.messages(b"msgid"))


def test_no_message_is_on_two_sides():
    found = [(f"{word} {number}", str(number)) for number in range(500) for word in ("Save", "save", "SAVE")]
    parts = _catalogues.split(found)
    keys = [{source.lower() for source, _ in part} for part in parts]
    assert sum(map(len, parts)) == len(found) and not keys[0] & keys[1] and not (keys[0] | keys[1]) & keys[2]
    assert [len(part) for part in keys] == [400, 50, 50]


def test_the_baselines_on_a_small_language():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    words = {"red": "rouge", "green": "vert", "small": "petit", "house": "maison", "garden": "jardin", "open": "ouvre"}
    rng = np.random.default_rng(0)
    sources = [" ".join(rng.choice(list(words), 3, replace=False)) for _ in range(80)]
    train = [(source, " ".join(words[word] for word in source.split())) for source in sources]
    assert _catalogues.Memory(train)([sources[5]]) == [train[5][1]]
    assert _catalogues.word_by_word(train, ["open green house !"]) == ["ouvre vert maison !"]


def test_messages_at_a_reduced_size(tmp_path, tmp_path_factory, capsys):
    for name in ("matplotlib", "sklearn", "sacrebleu"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    folder = tmp_path / "data"
    folder.mkdir()
    for package in _catalogues.PACKAGES[: _catalogues.QUICK]:
        (folder / package.file).write_bytes(archive(package, tmp_path_factory).read_bytes())
    train, valid, test = translation.read(SimpleNamespace(quick=True, data=folder, split=0))
    assert (len(train), len(valid), len(test)) == (2000, 100, 200)

    scores = translation.main(
        ["--quick", "--data", str(folder), "--out", str(tmp_path), "--json", str(tmp_path / "scores.json")]
    )
    written = json.loads((tmp_path / "scores.json").read_text())
    assert {key: written[key] for key in scores} == scores and written["seconds"] > 0
    assert scores["bleu"] > 5 and scores["chrf"] > 25
    assert 20 < written["baselines"]["translation memory"]["bleu"] < 40
    assert png(tmp_path / "translation.png") and "BSD" in capsys.readouterr().out

    load = ["--load", str(tmp_path / "translation.safetensors"), "--out", str(tmp_path)]
    said = translation.main([*load, "--text", "Delete the file"])
    translator, units = translation.load(tmp_path / "translation.safetensors")
    assert said and said == translator(units, ["Delete the file"])[0] == translator(units, ["No", "Delete the file"])[1]
    assert (units.vocabulary.start_id, units.vocabulary.end_id, units.vocabulary.unknown_id) == (2, 3, 1)
    with pytest.raises(SystemExit, match="2"):
        translation.main(load)


def test_the_search_says_what_the_model_finds_likeliest():
    """With a beam of one each unit is the likeliest after those before it, by the model that was trained."""
    translator = translation.Translator(40, seed=0)
    source = np.array([7, 9, 11, 3])
    (found,) = translator.search([source], beam=1)
    target = np.append(found[:8], 3)
    logits = translator.model(source=source[None], target=target[None])[0]
    logits[:, 1] = -np.inf
    assert (logits.argmax(axis=1)[: len(found[:8])] == found[:8]).all()
    weights = translator.weights(source, target)
    assert weights.shape == (len(target), 4) and np.allclose(weights.sum(axis=1), 1)

"""Modules that have moved: their old names go on working, in imports and in pickles, which name the module of a
class.
"""

import importlib
import importlib.machinery
import sys

_PACKAGE = __package__ + "."
_MOVED = {
    "arrays": "checks",
    "files": "safetensors_files",
    "layer": "layers.base",
    "parameters": "layers.parameters",
    "lstm": "layers.lstm",
    "options": "layers.lstm_options",
    "trace": "layers.trace",
    "linear": "layers.linear",
    "embedding": "layers.embedding",
    "dropout": "layers.dropout",
    "layer_norm": "layers.layer_norm",
    "pooling": "layers.pooling",
    "reduction": "losses.base",
    "ctc": "losses.ctc",
    "fit": "training.fit",
    "run": "training.run",
    "batches": "training.batches",
    "progress": "training.progress",
    "callbacks": "training.callbacks",
    "schedules": "training.schedules",
    "optimisers": "training.optimisers",
    "metrics": "training.metrics",
    "examples": "apps",
    "timeseries": "forecasting.windows",
    "series": "forecasting.series",
    "forecasting.csv_series": "forecasting.series",
    "report": "forecasting.report",
}


class _OldNames:
    """Finds and loads `eigenlstm.<old name>`, which no file has, and gives the module itself, not a copy of it.

    It does not inherit from the base classes in `importlib.abc`: importing those would bring in twenty modules.
    """

    def find_spec(self, name, path=None, target=None):
        old = name[len(_PACKAGE) :] if name.startswith(_PACKAGE) else None
        return importlib.machinery.ModuleSpec(name, self) if old in _MOVED else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        # The import machinery then returns what sys.modules holds under the old name.
        sys.modules[module.__name__] = importlib.import_module(_PACKAGE + _MOVED[module.__name__[len(_PACKAGE) :]])


sys.meta_path.append(_OldNames())

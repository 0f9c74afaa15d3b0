"""The stubs beside the modules say what the modules have: every public name, and every argument of every function.

What an editor and a type checker see of a module is its .pyi file. A function that is new in the module, or has a new
argument, must be written there, too. `check_types.py` has the type checkers read them.
"""

import ast
import re
from pathlib import Path

import pytest

import eigenlstm as el

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python/eigenlstm"
STUBS = sorted(path for path in PACKAGE.rglob("*.pyi") if path.name != "_core.pyi" and path != PACKAGE / "__init__.pyi")


def read(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(body):
    """name -> names of the arguments; overloads have theirs together."""
    found = {}
    for node in body:
        if isinstance(node, ast.FunctionDef):
            a = node.args
            names = {each.arg for each in [*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg] if each}
            found[node.name] = found.get(node.name, set()) | names - {"self", "cls"}
    return found


def classes(tree):
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def assigned(body):
    """Names that a body assigns or declares."""
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    targets += [node.target for node in body if isinstance(node, ast.AnnAssign)]
    return {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}


ALL_CLASSES = {name: node for path in STUBS for name, node in classes(read(path)).items()}


def members(cls):
    """The names of what a class of the stubs has, with what it inherits."""
    names = set(functions(cls.body)) | assigned(cls.body)
    for base in cls.bases:
        name = ast.unparse(base)
        if name in ALL_CLASSES:
            names |= members(ALL_CLASSES[name])
    return names


def public(names):
    return {name for name in names if not name.startswith("_")}


def name_of(path):
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", STUBS, ids=name_of)
def test_the_stub_has_what_the_module_has(path):
    stub, module = read(path), read(path.with_suffix(".py"))
    ours, theirs = functions(stub.body), functions(module.body)
    assert public(ours) == public(theirs)
    assert {name: ours[name] for name in public(ours)} == {name: theirs[name] for name in public(ours)}
    ours, theirs = classes(stub), classes(module)
    assert public(ours) == public(theirs)
    for name in public(ours):
        stubbed, real = functions(ours[name].body), functions(theirs[name].body)
        missing = public(real) - members(ours[name])
        assert not missing, f"{name} lacks {missing}"
        for method in {"__init__", "__call__", *public(stubbed)} & set(stubbed) & set(real):
            assert stubbed[method] == real[method], f"{name}.{method}"


def test_the_options_of_layers_are_read_only():
    from eigenlstm.layers.lstm_options import CONSTRUCTOR

    lstm = ALL_CLASSES["LSTM"]
    properties = {node.name for node in lstm.body if isinstance(node, ast.FunctionDef) and node.decorator_list}
    assert properties >= CONSTRUCTOR


@pytest.mark.parametrize("name", [None, *el._MODULES])
def test_every_public_name_is_annotated(name):
    """Each class and function that the documentation shows has a stub that says what it takes and gives."""
    try:
        module = el if name is None else getattr(el, name)
    except ImportError as error:
        pytest.skip(str(error))
    for each in getattr(module, "__all__", ()):
        home = getattr(getattr(module, each), "__module__", None)
        if home is None or not home.startswith("eigenlstm.") or home == "eigenlstm._core":
            continue
        path = PACKAGE.joinpath(*home.split(".")[1:]).with_suffix(".pyi")
        assert path in STUBS, f"{each} has no stub: {path.name} is missing"
        assert each in functions(read(path).body).keys() | classes(read(path)).keys(), each


def test_no_stub_says_any():
    """Any takes part in no check; one that is right says why in a comment."""
    for path in [*STUBS, PACKAGE / "_core.pyi", PACKAGE / "__init__.pyi"]:
        for line in path.read_text(encoding="utf-8").splitlines():
            if re.search(r"\bAny\b", line) and "import" not in line:
                assert "#" in line, f"{name_of(path)}: {line.strip()}"

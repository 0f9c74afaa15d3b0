"""The hand-kept stubs say what the module has: every name, and every argument in its place."""

import ast
from pathlib import Path

import pytest

import eigenlstm as el
from eigenlstm import _core

PACKAGE = Path(el.__file__).parent
STUB = ast.parse((PACKAGE / "_core.pyi").read_text())
CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}
FUNCTIONS = {node.name: node for node in STUB.body if isinstance(node, ast.FunctionDef)}
CONSTANTS = {node.target.id for node in STUB.body if isinstance(node, ast.AnnAssign) and not node.value}


def arguments(function):
    """[(name, has a default)] without self."""
    named = function.args.posonlyargs + function.args.args
    defaults = [False] * (len(named) - len(function.args.defaults)) + [True] * len(function.args.defaults)
    return [(argument.arg, default) for argument, default in zip(named, defaults) if argument.arg != "self"]


def runtime_arguments(function):
    """The same of a compiled function, from the first line that pybind11 writes in its docstring."""
    lines = [line.lstrip("0123456789. ") for line in function.__doc__.splitlines()]
    signature = next(line for line in lines if line.startswith(function.__name__ + "(") and "*args" not in line)
    return arguments(ast.parse(f"def {signature}: ...").body[0])


def public(names):
    return {name for name in names if not name.startswith("_")}


def test_the_stub_has_every_name_of_the_core_and_no_other():
    assert public(CLASSES | FUNCTIONS) | public(CONSTANTS) == public(vars(_core))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_arguments_of(name):
    assert arguments(FUNCTIONS[name]) == runtime_arguments(getattr(_core, name))


@pytest.mark.parametrize("name", sorted(public(CLASSES)))
def test_members_of(name):
    runtime = {key: value for key, value in vars(getattr(_core, name)).items() if not key.startswith("_")}
    base = CLASSES[CLASSES[name].bases[0].value.id]  # class LSTMFloat32(_LSTM[np.float32]): ...
    members = {
        node.name: node for node in base.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    assert set(members) == set(runtime)
    for key, value in runtime.items():
        if not isinstance(value, property):
            assert arguments(members[key]) == runtime_arguments(value), key


def test_the_package_stub_has_every_exported_name():
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text())
    named = {alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    named |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert named == set(el.__all__) | set(el._MODULES)

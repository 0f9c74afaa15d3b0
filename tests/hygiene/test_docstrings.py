"""Docstrings of what the reference lists: each says what it does, and those that take or give arrays name a shape."""

import ast
import functools
import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python/eigenlstm"
ARRAYS = re.compile(r"\b(ArrayLike|Array|Ints|NDArray|State|StateLike|Data)\b")
# (B, T, I), (n,), (..., features), "of the shape of", or that there is only one number or one axis
SHAPE = re.compile(r"\(\w+( . \w+)?, |\(\w\)|\(\w+( . \w+)?,\)|\((\.\.\.|…)|\bshapes?\b|\b1-D\b|\bflat\b|\bscalar\b")


def listed():
    """(name, object, its class or None) of all that the pages of the reference show: names, what modules define, and the
    public methods of classes."""
    pages = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs/reference").glob("*.md")))
    names = re.findall(r"^::: (eigenlstm[\w.]*)", pages, re.M)
    shown = {name: resolved(name) for name in names}
    for name in names:
        if inspect.ismodule(shown[name]):
            public = {key: value for key, value in vars(shown[name]).items() if not key.startswith("_")}
            shown.update(
                (f"{name}.{key}", value)
                for key, value in public.items()
                if getattr(value, "__module__", None) == shown[name].__name__ and inspect.getdoc(value)
            )
    for name, found in shown.items():
        if inspect.isclass(found):
            for method, value in vars(found).items():
                if not method.startswith("_") and inspect.isfunction(value) and inspect.getdoc(value):
                    yield f"{name}.{method}", value, found
        if inspect.isclass(found) or inspect.isfunction(found):
            yield name, found, None


def resolved(name):
    """The object of a dotted name, or None where it needs a library that is not here."""
    parts, found = name.split("."), None
    for i in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:i]))
        except ImportError:
            continue
        try:
            return functools.reduce(getattr, parts[i:], found)
        except (AttributeError, ImportError):
            return None
    return found


@functools.cache
def stubs(module):
    """qualified name -> annotations, as text, of the functions in the stub of a module."""
    path = PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".pyi")
    if not (module.startswith("eigenlstm.") and path.exists()):
        return {}
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = found.get(node.name, "") + annotations(node)
        if isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, ast.FunctionDef):
                    name = node.name if each.name == "__init__" else f"{node.name}.{each.name}"
                    found[name] = found.get(name, "") + annotations(each)
    return found


def annotations(function):
    arguments = [*function.args.args, *function.args.kwonlyargs]
    notes = [each.annotation for each in arguments if each.annotation] + [function.returns]
    return " ".join(ast.unparse(note) for note in notes if note) + " "


def annotated(found, owner):
    """The annotations of a function or class; a method's may be those of a base class."""
    if owner is None:
        return stubs(found.__module__).get(found.__qualname__, "")
    names = [(base.__module__, f"{base.__qualname__}.{found.__name__}") for base in owner.__mro__]
    return next((stubs(module)[name] for module, name in names if name in stubs(module)), "")


CASES = {name: (found, owner) for name, found, owner in listed()}
assert len(CASES) > 300, "the reference lists next to nothing: has it moved?"


@pytest.mark.parametrize("name", CASES)
def test_a_docstring_says_what_and_of_which_shape(name):
    found, owner = CASES[name]
    doc = inspect.getdoc(found)
    assert doc, "has no docstring"
    if ARRAYS.search(annotated(found, owner)):
        assert SHAPE.search(f"{doc} {inspect.getdoc(owner) if owner else ''}"), f"names no shape: {doc}"

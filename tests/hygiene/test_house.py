"""The rules of the house (CONTRIBUTING.md) that a reader of one file would not see broken."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python/eigenlstm"
TEXT = {".cpp", ".hpp", ".py", ".pyi", ".md", ".toml", ".cmake", ".in", ".txt", ".json", ".sh", ""}
MAX_LINES = 400


def own_files():
    """Every text file of the project; data, licences and what a build leaves behind are none."""
    listed = (
        subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        if (ROOT / ".git").exists()
        else None
    )
    if listed is not None and listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:  # an unpacked sdist
        paths = [
            path for path in ROOT.rglob("*") if not {"build", "dist", "__pycache__"} & set(path.relative_to(ROOT).parts)
        ]
    return [
        path
        for path in paths
        if path.is_file()
        and path.suffix in TEXT
        and not {"data", "LICENSES", "LICENSE"} & set(path.relative_to(ROOT).parts)
    ]


FILES = own_files()


def sources(folder, *suffixes):
    found = [path for path in FILES if (ROOT / folder) in path.parents and path.suffix in suffixes]
    assert found, f"nothing in {folder}: has it moved?"
    return found


def name(path):
    return str(path.relative_to(ROOT))


def includes(path):
    return re.findall(r'^\s*#\s*include\s*([<"][^>"]+[>"])', path.read_text(), re.MULTILINE)


def offences(paths, wrong):
    """'file: what' for everything that `wrong(path)` gives."""
    return [f"{name(path)}: {what}" for path in paths for what in wrong(path)]


# -- rule 1: water flows down -------------------------------------------------------------------


def test_only_the_kernels_include_eigen():
    others = [
        path for path in FILES if path.suffix in {".cpp", ".hpp"} and (ROOT / "cpp/src/kernels") not in path.parents
    ]
    assert not offences(
        others, lambda path: [i for i in includes(path) if i.startswith(("<Eigen", '"Eigen', "<unsupported"))]
    )


def test_only_the_bindings_know_python():
    assert not offences(
        sources("cpp", ".cpp", ".hpp"),
        lambda path: [i for i in includes(path) if re.search("pybind11|Python.h|numpy", i)],
    )


def test_the_public_headers_need_nothing_but_each_other_and_the_standard_library():
    headers = sources("cpp/include", ".hpp")
    assert not offences(
        headers, lambda path: [i for i in includes(path) if not re.fullmatch(r'<[a-z_]+>|"eigenlstm/\w+\.hpp"', i)]
    )


def test_the_core_includes_only_itself():
    """Components may read JSON: those are libraries of their own."""
    own = r'<[a-z_/]+(\.h)?>|"[a-z_]+/[\w/]*\w\.hpp"'
    components = dict.fromkeys(("audio", "model"), own + r"|<nlohmann/json\.hpp>")
    assert not offences(
        sources("cpp/src", ".cpp", ".hpp"),
        lambda path: [
            i
            for i in includes(path)
            if not i.startswith("<Eigen") and not re.fullmatch(components.get(path.parent.name, own), i)
        ],
    )


LANGUAGE = r"<(cstddef|cstdint|cmath|cstring|limits|type_traits|utility)>"


def test_the_kernels_include_only_kernels_and_plain_public_headers():
    """Plain: sizes and structs. What includes a container would define its code in every ISA's object."""
    plain = {
        f'"eigenlstm/{path.name}"'
        for path in sources("cpp/include", ".hpp")
        if all(re.fullmatch(LANGUAGE, include) for include in includes(path))
    }
    allowed = LANGUAGE + r'|"kernels/[\w/]+\.hpp"|<Eigen/\w+>'
    assert not offences(
        sources("cpp/src/kernels", ".cpp", ".hpp"),
        lambda path: [i for i in includes(path) if i not in plain and not re.fullmatch(allowed, i)],
    )


def test_what_knows_no_cell_knows_no_options_of_one():
    """Rows, masks, checkpoints, schedules and micro-batches: another recurrent layer could use them as they are."""
    names = ("rows", "frame_array", "masks", "checkpoints", "schedule", "micro_batches", "layer_sizes")
    paths = [path for path in sources("cpp/src/lstm", ".cpp", ".hpp") if path.stem in names]
    assert {path.stem for path in paths} == set(names)
    headers = {f'"lstm/{name}.hpp"' for name in names} | {'"eigenlstm/sequence.hpp"', '"eigenlstm/random.hpp"'}
    allowed = r'<[a-z_]+>|"kernels/(ranges|table)\.hpp"'
    assert not offences(
        paths, lambda path: [i for i in includes(path) if i not in headers and not re.fullmatch(allowed, i)]
    )
    assert not offences(paths, lambda path: re.findall(r"\bLSTMOptions\b|\bCellOptions\b", path.read_text()))


def test_the_bindings_include_the_public_headers_only():
    headers = {f'"{path.name}"' for path in sources("python/bindings", ".hpp")}
    allowed = r'<[a-z_]+(\.h)?>|<pybind11/[\w/]+\.h>|"eigenlstm/\w+\.hpp"'
    assert not offences(
        sources("python/bindings", ".cpp", ".hpp"),
        lambda path: [i for i in includes(path) if i not in headers and not re.fullmatch(allowed, i)],
    )


def test_the_bindings_release_the_gil_by_one_class():
    """That of gil.hpp, with which a daemon thread survives the end of the interpreter."""
    paths = [path for path in sources("python/bindings", ".cpp", ".hpp") if path.name != "gil.hpp"]
    assert not offences(paths, lambda path: re.findall(r"gil_scoped_\w+|PyEval_\w+Thread", path.read_text()))


def test_kernels_have_no_containers_exceptions_allocations_or_globals():
    wrong = re.compile(
        r"std::(vector|array|deque|map|unordered\w*|set|string\w*|function|optional|variant|unique_ptr|shared_ptr)\b"
        r"|\bthrow\b|\bnew\b|\bthread_local\b|^static (?!const|inline)",
        re.MULTILINE,
    )

    def found(path):
        code = re.sub(r"//.*", "", path.read_text())
        return [match.group() for match in wrong.finditer(code)]

    assert not offences(sources("cpp/src/kernels", ".cpp", ".hpp"), found)


# -- the package's imports ----------------------------------------------------------------------

HARD = {"numpy"}
# Modules that are nothing without their extra, and that nobody imports unasked: they or their folders are named after
# it, as torch_ops.py.
EXTRA_AT_TOP = {"onnx", "sklearn", "torch"}


def imported_at_top(tree):
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def test_only_numpy_is_needed_to_import():
    import sys

    def wrong(path):
        extra = EXTRA_AT_TOP & {path.stem.split("_")[0], path.parent.name}
        return [
            f"imports {module}"
            for module in imported_at_top(ast.parse(path.read_text()))
            if module not in sys.stdlib_module_names | HARD | extra
        ]

    assert not offences([path for path in sources("python/eigenlstm", ".py") if "apps" not in path.parts], wrong)


def test_the_package_imports_neither_tests_nor_benchmarks():
    wrong = re.compile(r"^\s*(?:from|import) (bench|tests|reference)\b.*", re.MULTILINE)
    assert not offences(
        sources("python/eigenlstm", ".py"), lambda path: [m.group() for m in wrong.finditer(path.read_text())]
    )


# -- promise 1: products of matrices run in the micro-kernel only --------------------------------

PRODUCTS = {"dot", "matmul", "einsum", "tensordot", "inner", "vdot", "convolve", "correlate"}
LAYERS_AND_LOSSES = [
    *sources("python/eigenlstm/layers", ".py"),
    *sources("python/eigenlstm/losses", ".py"),
    PACKAGE / "sequential.py",
    PACKAGE / "model.py",
    PACKAGE / "training/optimisers.py",
]


@pytest.mark.parametrize("path", LAYERS_AND_LOSSES, ids=name)
def test_no_product_whose_bits_hang_on_the_batch(path):
    """BLAS picks its order of summing by the shape of the whole batch."""

    def wrong(path):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
                yield f"line {node.lineno}: @"
            if isinstance(node, ast.Attribute) and node.attr in PRODUCTS:
                yield f"line {node.lineno}: {node.attr}"

    assert not offences([path], wrong)


# -- one file, one sitting; and what must not be there -------------------------------------------


def test_files_are_short():
    long = {
        name(path): lines
        for path in FILES
        if path.suffix in {".cpp", ".hpp", ".py", ".pyi", ".cmake", ".md"}
        if (lines := path.read_text().count("\n")) > MAX_LINES
    }
    assert not long


MAX_COLUMNS = 120


def test_lines_are_short():
    """Of all that formatters leave as it is: comments, docstrings, texts. Tables in tests may be wider."""

    def wrong(path):
        lines = path.read_text().splitlines()
        return [f"line {i} has {len(line)} columns" for i, line in enumerate(lines, 1) if len(line) > MAX_COLUMNS]

    assert not offences(sources("python/eigenlstm", ".py", ".pyi") + sources("cpp", ".cpp", ".hpp"), wrong)
    assert not offences(sources("python/bindings", ".cpp", ".hpp"), wrong)


def test_the_map_has_every_folder():
    """Folders of tests mirror those of the package, and those of docs are its pages."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text[text.index("## The map") : text.index("## Five commands")]
    own = r"(?:python|cpp|cmake|packaging|examples|tools|docs|bench|\.ci|tests)"
    folders = {part for path in FILES for part in path.relative_to(ROOT).parents if re.match(own, str(part))}
    deep = r"bench/\w+/.*|docs/.*|tests/\w+/.*|packaging/.*|cpp/include"
    missing = {
        str(folder) for folder in folders if not re.fullmatch(deep, str(folder)) and f"{folder.name}/" not in table
    }
    assert not missing
    assert not [line for line in table.splitlines() if len(line) > MAX_COLUMNS and not line.startswith("|")]


EVERYWHERE = {
    "a path of one machine": r"(?<![\w.])/(?:work|tmp|root|home)/",
    "a build for one CPU": r"march=nativ[e]|mtune=nativ[e]",
    "arithmetic that breaks promise 1": r"-ffast-mat[h]|-Ofas[t]|-funsafe-mat[h]",
    "OpenMP": r"#\s*pragma om[p]|-fopenm[p]|<omp\.[h]>|find_package\(OpenM[P]",
}
IN_THE_PACKAGE = {
    "pickle": r"pickle\.loads?\b|import pickle|allow_pickle\s*=\s*True",
    "a debugger": r"\bbreakpoint\(\)|\bpdb\b",
}


@pytest.mark.parametrize("what", EVERYWHERE)
def test_nowhere(what):
    pattern = re.compile(EVERYWHERE[what], re.IGNORECASE)
    assert not offences(FILES, lambda path: [m.group() for m in pattern.finditer(path.read_text())])


@pytest.mark.parametrize("what", IN_THE_PACKAGE)
def test_not_in_the_package(what):
    pattern = re.compile(IN_THE_PACKAGE[what])
    assert not offences(
        sources("python/eigenlstm", ".py"), lambda path: [m.group() for m in pattern.finditer(path.read_text())]
    )


SPEAKING = {
    "cli.py",
    "cli_amp.py",
    "cli_convert.py",
    "cli_forecast.py",
    "cli_latency.py",
    "cli_output.py",
    "__main__.py",
    "progress.py",
    "report.py",
}


def test_nothing_prints_or_exits_in_library_code():
    def wrong(path):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                "print",
                "sys.exit",
                "os._exit",
                "exit",
                "quit",
            }:
                yield f"line {node.lineno}: {ast.unparse(node.func)}"

    assert not offences(
        [path for path in sources("python/eigenlstm", ".py") if path.name not in SPEAKING and "apps" not in path.parts],
        wrong,
    )
    speaks = re.compile(r"std::(cout|cerr|exit|abort)\b|\b(f|f?put|v)?printf\(|\bputs\(")
    assert not offences(
        [path for path in sources("cpp", ".cpp", ".hpp") if path.parent.name != "tools"]  # those are programs
        + sources("python/bindings", ".cpp", ".hpp"),
        lambda path: [m.group() for m in speaks.finditer(path.read_text())],
    )

"""Kernels of different ISAs must share no code: the linker keeps one copy of a symbol that several objects define
weakly, and an old CPU would then run AVX-512 code.

    shared_symbols.py NM  ISA OBJECT... ISA OBJECT...

Every symbol that an object defines must name its ISA's namespaces, `eigenlstm::<isa>` or `Eigen_<isa>`. Data may be
shared: it holds no instructions.
"""

import re
import subprocess
import sys

# V, W: weak; u: unique; lower case: local to its object, so never merged. R, D, B and their like: data.
CODE = set("TWVui")
HARMLESS = re.compile(r"DW\.ref\.__gxx_personality_v0")


def definitions(nm, path):
    """(kind, demangled name) of every symbol that the object defines."""
    listing = subprocess.run(
        [nm, "--defined-only", "--demangle", path], check=True, capture_output=True, text=True
    ).stdout
    for line in listing.splitlines():
        match = re.fullmatch(r"[0-9a-f]*\s+(\S)\s+(.*)", line)
        if match:
            yield match.groups()


def main(arguments):
    nm, isa, objects = arguments[0], None, {}
    for argument in arguments[1:]:
        if "/" in argument or argument.endswith(".o"):
            objects.setdefault(isa, []).append(argument)
        else:
            isa = argument
    if len(objects) < 1 or None in objects:
        sys.exit("no kernel objects given")
    wrong, seen = [], 0
    for isa, paths in objects.items():
        own = re.compile(rf"\b(eigenlstm::{isa}|Eigen_{isa})::")
        for path in paths:
            for kind, name in definitions(nm, path):
                if kind not in CODE or HARMLESS.match(name):
                    continue
                seen += 1
                if not own.search(name):
                    wrong.append(f"{isa}: {kind} {name}")
    print(f"{seen} symbols of {', '.join(objects)} checked")
    if not seen:
        sys.exit("no symbols found: is nm the right one?")
    if wrong:
        sys.exit("symbols that other ISAs' kernels may define too:\n" + "\n".join(wrong))


if __name__ == "__main__":
    main(sys.argv[1:])

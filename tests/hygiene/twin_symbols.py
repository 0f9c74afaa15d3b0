"""A function that several objects define weakly must have one body: the linker keeps any one of them.

    twin_symbols.py OBJDUMP OBJECT OBJECT...

The objects are of one instruction set, compiled without optimisation, as optimised code has such functions inlined and
no trace of them. Compares the disassembly of every weak symbol that two objects or more define, with its relocations;
where a relocation is into read-only data, only that it is one.
"""

import re
import subprocess
import sys

HEADER = re.compile(r"[0-9a-f]+ <(.*)>:")
WEAK = re.compile(r"[0-9a-f]+ .{6}F (\S+)\s+[0-9a-f]+\s+(?:\.hidden )?(\S+)")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def weak_functions(objdump, path):
    """The mangled names of the functions that the object defines weakly."""
    names = set()
    for line in run(objdump, "--syms", path).splitlines():
        match = WEAK.match(line)
        if match and line[line.index(" ") + 2] == "w":
            names.add(match.group(2))
    return names


def bodies(objdump, path):
    """{mangled name: its instructions and relocations, without addresses}."""
    found, lines = {}, None
    for line in run(objdump, "--disassemble", "--reloc", "--no-show-raw-insn", "--wide", path).splitlines():
        header = HEADER.fullmatch(line)
        if header:
            lines = found[header.group(1)] = []
        elif lines is not None and re.match(r"\s+[0-9a-f]+:", line):
            text = re.sub(r"\s*#.*", "", line.split(":", 1)[1])  # a comment of objdump: an address once more
            text = re.sub(r"\.(rodata|LC)[\w.]*(\+|-)?(0x[0-9a-f]+)?", "DATA", text)
            lines.append(" ".join(text.split()))
    return found


def main(arguments):
    objdump, paths = arguments[0], arguments[1:]
    if len(paths) < 2:
        sys.exit("two objects at least, to have anything to compare")
    first, compared, wrong = {}, set(), set()
    for path in paths:
        weak = weak_functions(objdump, path)
        for name, body in bodies(objdump, path).items():
            if name not in weak:
                continue
            if name in first:
                compared.add(name)
                if first[name] != body:
                    wrong.add(name)
            first.setdefault(name, body)
    print(f"{len(compared)} functions compared that several of {len(paths)} objects define")
    if not compared:
        sys.exit("no such function found: is objdump the right one?")
    if wrong:
        names = subprocess.run(["c++filt"], input="\n".join(sorted(wrong)), capture_output=True, text=True).stdout
        sys.exit("two bodies of one function:\n" + names)


if __name__ == "__main__":
    main(sys.argv[1:])

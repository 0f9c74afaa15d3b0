"""The bits that print_hashes prints must be the same on every instruction set with fused multiply-add.

    same_hashes.py PROGRAM INSTRUCTION_SET... [--against COMMAND...]

Each instruction set is forced in a process of its own. Those that this processor lacks are left out, and with fewer
than two runs there is nothing to compare: exit code 77. COMMAND: another build of the program, as emulated.
"""

import os
import subprocess
import sys


def lines(command, **environment):
    """What it prints, or None where the processor lacks the instruction set."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    if done.returncode != 0:
        if "EIGENLSTM_ISA must be one of" in done.stderr:
            return None
        raise SystemExit(f"{command}, {environment}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout.splitlines()


def main(program, *arguments):
    split = arguments.index("--against") if "--against" in arguments else len(arguments)
    runs = {isa: lines([program], EIGENLSTM_ISA=isa) for isa in arguments[:split]}
    if split < len(arguments):
        runs["the other build"] = lines(list(arguments[split + 1 :]), EIGENLSTM_ISA="")
    runs = {name: hashes for name, hashes in runs.items() if hashes is not None}
    if len(runs) < 2:
        print("one instruction set with fused multiply-add:", *runs)
        return 77
    (first, expected), *others = runs.items()
    wrong = 0
    for name, hashes in others:
        differing = [line.split()[0] for line, other in zip(expected, hashes) if line != other]
        if len(hashes) != len(expected) or differing:
            wrong += 1
            print(
                f"{name} and {first} differ in {len(differing)} of {len(expected)} and {len(hashes)}:", *differing[:20]
            )
    print(f"{len(expected)} hashes on", *runs)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

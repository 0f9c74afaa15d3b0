"""What `import eigenlstm` costs on top of `import numpy`: the median over fresh processes."""

import json
import statistics
import subprocess
import sys

TIMED = """
import json, time
start = time.perf_counter()
import numpy
middle = time.perf_counter()
import eigenlstm
print(json.dumps([middle - start, time.perf_counter() - middle]))
"""


def main(processes=15):
    runs = [
        json.loads(subprocess.run([sys.executable, "-c", TIMED], check=True, capture_output=True, text=True).stdout)
        for _ in range(processes + 1)
    ][1:]  # the first one warms the disk cache
    numpy_ms, ours_ms = (1000 * statistics.median(times) for times in zip(*runs))
    print(f"import numpy {numpy_ms:.1f} ms; import eigenlstm on top of it {ours_ms:.1f} ms")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""A hundred million groups in one gibibyte: billfold beside its own limit of memory.

    python3 benches/groups.py [--groups 100000000] [--memory 1GiB] [--format csv]

Rows are made here and go to billfold through its standard input; every row is a group of its own, in an
order that is none. The answer is counted and added up as it comes, so no file of it is kept. Printed are the
groups, the CPU and wall time and the peak memory, and whether all of it is right.

Needs the release build of billfold and Python; temporary files take some 60 bytes per group.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

# Odd, so that multiplying by it passes over all numbers of 32 bits once.
STEP = 2_654_435_761
# Rows that are written in one go.
ROWS_AT_ONCE = 100_000


def rows(groups: int, out) -> None:
    """Charges of one ten-thousandth each and up, of distinct resources, over the days of a month."""
    out.write(b"ChargePeriodStart,BilledCost,BillingCurrency,ResourceId\n")
    days = [f"2024-03-{day:02}T00:00:00Z,0.00" for day in range(1, 29)]
    for first in range(0, groups, ROWS_AT_ONCE):
        last = min(groups, first + ROWS_AT_ONCE)
        lines = [f"{days[i % 28]}{10 + i % 90},USD,i-{i * STEP & 0xFFFFFFFF:08x}" for i in range(first, last)]
        out.write(("\n".join(lines) + "\n").encode())
    out.close()


def expected(groups: int) -> int:
    """The total in ten-thousandths."""
    whole, rest = divmod(groups, 90)
    return whole * sum(range(10, 100)) + sum(range(10, 10 + rest))


def main() -> None:
    target = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).resolve().parent.parent / "target"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=100_000_000)
    parser.add_argument("--memory", default="1GiB")
    parser.add_argument("--max-peak", type=int, default=1024, help="MiB that the process may take up")
    parser.add_argument("--format", default="csv", choices=["csv", "ndjson", "parquet"])
    parser.add_argument("--temp", help="folder for temporary files")
    parser.add_argument("--billfold", default=str(target / "release" / "billfold"))
    options = parser.parse_args()

    command = [options.billfold, "sums", "-", "--by", "resource_id", "--duration", "daily", "--metric", "billed"]
    command += ["--memory", options.memory, "--format", options.format]
    if options.temp:
        command += ["--temp", options.temp]
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    feeder = threading.Thread(target=rows, args=(options.groups, process.stdin), daemon=True)
    feeder.start()
    lines = n_bytes = 0
    while block := process.stdout.read(1 << 20):
        n_bytes += len(block)
        lines += block.count(b"\n")
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"exit code {os.waitstatus_to_exitcode(status)}")
    peak = usage.ru_maxrss / 1024
    total = expected(options.groups)
    print(f"expected total: USD {total // 10_000}.{total % 10_000:04}".rstrip("0"))
    print(
        f"{options.groups:,} groups, {options.format} of {n_bytes / 2**30:.2f} GiB, --memory {options.memory}: "
        f"{usage.ru_utime + usage.ru_stime:.1f} s CPU, {wall:.1f} s, peak {peak:.0f} MiB"
    )
    header = {"csv": 1, "ndjson": 0}.get(options.format)
    if header is not None and lines - header != options.groups:
        sys.exit(f"{lines - header:,} groups came out")
    if peak > options.max_peak:
        sys.exit(f"more than {options.max_peak} MiB")


if __name__ == "__main__":
    main()

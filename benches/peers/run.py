#!/usr/bin/env python3
"""billfold beside Polars and DuckDB: the same questions about the same generated bills.

    python3 benches/peers/run.py [--rows 10000000] [--short]

For every question each engine answers once, unmeasured, and the three answers must be the same to the
last digit. Then the engines answer in turns, each time as a fresh process, and the medians of their CPU
time (user and system), wall time and peak memory go into a Markdown table on standard output.
`--short` is for CI: few rows, one run each, bars on answers and memory, none on time.

Needs the release build of billfold and, for the Python that runs this, `requirements.txt`.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from works import BILLS, SEED, WORKS, BillFile, Work

HERE = Path(__file__).resolve().parent
ROWS, SHORT_ROWS = 10_000_000, 200_000
RUNS, SHORT_RUNS = 5, 1
# Cores of the machine that the project measures on; every engine gets as many.
THREADS = 2
# What billfold may use at most on the bills of `--short`.
SHORT_PEAK_MIB = 256
PEERS = {"Polars": "peer_polars.py", "DuckDB": "peer_duckdb.py"}
ENGINES = ("billfold", *PEERS)


@dataclass(frozen=True)
class Cost:
    """What a process used: seconds of CPU, seconds on the wall, MiB at its largest."""

    cpu: float
    wall: float
    peak: float

    @classmethod
    def median(cls, costs: list[Cost]) -> Cost:
        return cls(*(statistics.median(values) for values in zip(*((c.cpu, c.wall, c.peak) for c in costs))))


def say(text: str) -> None:
    """Progress goes to standard error, so that standard output is the report."""
    print(text, file=sys.stderr, flush=True)


def measure(command: list[str]) -> Cost:
    """Runs a process to its end. The kernel's own account of it, children included."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"exit code {process.returncode}: {' '.join(command)[:2000]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def generate(billfold: str, bill: BillFile, rows: int, folder: Path) -> Path:
    path = folder / bill.name(rows)
    if path.exists():
        return path
    say(f"writing {path.name}")
    command = [billfold, "gen", "--format", bill.layout.format, "--rows", str(bill.rows(rows)), "--seed", str(SEED)]
    subprocess.run([*command, *bill.layout.gen_args, *bill.gen_args, "--output", str(path)], check=True)
    return path


def header(path: Path) -> list[str]:
    """The columns of a CSV bill, which the peers declare one by one."""
    with open(path, encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


def peer_command(engine: str, task: dict) -> list[str]:
    return [sys.executable, str(HERE / PEERS[engine]), json.dumps(task)]


def commands(billfold: str, work: Work, file: Path, head: list[str], folder: Path) -> dict[str, tuple[list[str], Path]]:
    """Per engine the process to run and the file that it writes its groups to."""
    layout = BILLS[work.bill].layout
    outputs = {engine: folder / f"answer-{engine.lower()}.csv" for engine in ENGINES}
    ours = [billfold, "sums", str(file), "--duration", work.duration, "--format", "csv", "--quiet"]
    ours += ["--threads", str(THREADS), *layout.billfold_args, "--force", "--output", str(outputs["billfold"])]
    if work.by:
        ours += ["--by", ",".join(work.by)]
    found = {"billfold": (ours, outputs["billfold"])}
    for engine in PEERS:
        task = {
            "file": str(file),
            "carrier": "parquet" if file.suffix == ".parquet" else "csv",
            "header": head,
            "columns": layout.columns,
            "cost": layout.cost,
            "time": layout.time,
            "time_format": layout.time_format,
            "currency": layout.currency,
            "tags": layout.tags,
            "decimal": layout.decimal,
            "by": work.by,
            "duration": work.duration,
            "threads": THREADS,
            "output": str(outputs[engine]),
        }
        found[engine] = (peer_command(engine, task), outputs[engine])
    return found


def answer(work: Work, processes: dict[str, tuple[list[str], Path]], runs: int) -> tuple[int, dict[str, Cost]]:
    """Number of groups, and per engine the medians."""
    for command, output in processes.values():
        output.unlink(missing_ok=True)
        measure(command)
    paths = [str(output) for _, output in processes.values()]
    compared = subprocess.run([sys.executable, str(HERE / "compare.py"), *paths], stdout=subprocess.PIPE, text=True)
    if compared.returncode != 0:
        sys.exit(f"{work.name}: the answers differ")
    costs: dict[str, list[Cost]] = {engine: [] for engine in processes}
    for _ in range(runs):
        for engine, (command, _) in processes.items():
            costs[engine].append(measure(command))
    for _, output in processes.values():
        output.unlink()
    return int(compared.stdout), {engine: Cost.median(found) for engine, found in costs.items()}


def machine() -> str:
    cpu = platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            cpu = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), cpu)
        memory = f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"
    except OSError:
        memory = "memory unknown"
    cores = len(os.sched_getaffinity(0))
    return f"{cpu}, {cores} cores, {memory}, load {os.getloadavg()[0]:.1f} at the start"


def versions(billfold: str) -> str:
    ours = subprocess.run([billfold, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    peers = ", ".join(f"{engine} {importlib.metadata.version(engine.lower())}" for engine in PEERS)
    return f"{ours}, {peers}, Python {platform.python_version()}"


def cells(cost: Cost) -> str:
    return f"{cost.cpu:.2f} / {cost.wall:.2f} / {cost.peak:.0f}"


def row(work: Work, n_groups: int, costs: dict[str, Cost]) -> str:
    ours = costs["billfold"]
    cpu = ours.cpu / min(costs[engine].cpu for engine in PEERS)
    wall = ours.wall / min(costs[engine].wall for engine in PEERS)
    engines = " | ".join(cells(costs[engine]) for engine in ENGINES)
    return f"| {work.name} | {n_groups:,} | {engines} | {cpu:.2f} | {wall:.2f} |"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    target = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target"))
    parser.add_argument("--rows", type=int, help=f"rows of a bill (default {ROWS}, with --short {SHORT_ROWS})")
    parser.add_argument("--runs", type=int, help=f"measured runs per engine (default {RUNS}, with --short {SHORT_RUNS})")
    parser.add_argument("--short", action="store_true", help="the part for CI, with bars on answers and memory")
    parser.add_argument("--only", default="", help="only the works whose name contains this")
    parser.add_argument("--billfold", default=str(target / "release" / "billfold"), help="the program to measure")
    parser.add_argument("--folder", type=Path, help="where bills are written, and found if they are there already")
    parser.add_argument("--keep", action="store_true", help="leave the bills where they are")
    parsed = parser.parse_args()
    if shutil.which(parsed.billfold) is None:
        parser.error(f"no program {parsed.billfold}; build it with: cargo build --release -p billfold-cli")
    for engine in PEERS:
        try:
            importlib.metadata.version(engine.lower())
        except importlib.metadata.PackageNotFoundError:
            parser.error(f"{engine} is missing; install {HERE / 'requirements.txt'} for {sys.executable}")
    return parsed


def report(options: argparse.Namespace, folder: Path) -> list[str]:
    """Prints the report; gives the bars that were not held."""
    rows = options.rows or (SHORT_ROWS if options.short else ROWS)
    runs = options.runs or (SHORT_RUNS if options.short else RUNS)
    works = [w for w in WORKS if (w.short or not options.short) and options.only in w.name]
    print(f"{versions(options.billfold)}\n")
    print(f"{machine()}; {THREADS} threads per engine; median of {runs}, after one run for comparing the answers.\n")
    files, heads = {}, {}
    for key in dict.fromkeys(work.bill for work in works):
        bill = BILLS[key]
        files[key] = generate(options.billfold, bill, rows, folder)
        # The header of a compressed bill is that of the plain one.
        plain = generate(options.billfold, BILLS["CSV"], rows, folder) if bill.ending == ".csv.gz" else files[key]
        heads[key] = header(plain) if plain.suffix == ".csv" else []
        print(f"- {key}: {bill.layout.format}, {bill.rows(rows):,} rows, {files[key].stat().st_size / 1e6:,.0f} MB")
    starts = {engine: measure(peer_command(engine, {"file": "", "threads": THREADS})) for engine in PEERS}
    shown = ", ".join(f"{engine} {cells(cost)}" for engine, cost in starts.items())
    print(f"- In the peers' figures, for starting Python and loading the library: {shown}\n")
    print("CPU s / wall s / peak MiB; the ratios are billfold ÷ the better peer, below 1 is less than either.")
    print("billfold's groups leave in the order of their keys, the peers' as they come.\n")
    print(f"| work | groups | {' | '.join(ENGINES)} | CPU ratio | wall ratio |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    missed = []
    for work in works:
        say(work.name)
        processes = commands(options.billfold, work, files[work.bill], heads[work.bill], folder)
        n_groups, costs = answer(work, processes, runs)
        print(row(work, n_groups, costs), flush=True)
        if options.short and costs["billfold"].peak > SHORT_PEAK_MIB:
            missed.append(f"{work.name}: {costs['billfold'].peak:.0f} MiB, more than {SHORT_PEAK_MIB}")
    print(f"\nEvery answer was the same in all engines, to the last digit ({len(works)} of {len(works)}).")
    return missed


def main() -> None:
    options = arguments()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="billfold-peers-"))
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.iterdir())
    try:
        missed = report(options, folder)
    finally:
        if options.keep:
            say(f"the bills are in {folder}")
        else:
            for path in set(folder.iterdir()) - before:
                path.unlink()
            if options.folder is None:
                folder.rmdir()
    if missed:
        sys.exit("\n".join(missed))


if __name__ == "__main__":
    main()

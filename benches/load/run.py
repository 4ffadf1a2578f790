#!/usr/bin/env python3
"""billfold serve under load, seen from outside: answers a second, their times, and memory a charge.

    python3 benches/load/run.py --billfold target/release/billfold [--rows 10000000] [--seconds 20] [--bill FILE]

Writes a seeded bill (or takes one), starts the server on it, and asks GetChargeSums over kept connections for
some seconds: by month and project in Asia/Shanghai, prorated, with filters on zone, user, root user, project and
resource type drawn from the bill's own values, and with windows of whole months. Clients and server share the
machine, so that what is measured is less than what the server could do on its own.
"""

import argparse
import http.client
import json
import os
import random
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

SEED = 20_240_229


def resident(pid):
    """Bytes of memory of a process: now, and at its most."""
    text = Path(f"/proc/{pid}/status").read_text()
    kib = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines() if line.startswith(("VmRSS", "VmHWM"))}
    return kib["VmRSS"] * 1024, kib["VmHWM"] * 1024


class Client:
    """One kept connection."""

    def __init__(self, address):
        host, port = address.split(":")
        self.connection = http.client.HTTPConnection(host, int(port), timeout=60)

    def ask(self, **parameters):
        query = urllib.parse.urlencode({"action": "GetChargeSums", **parameters})
        self.connection.request("GET", f"/iaas/?{query}")
        answer = json.loads(self.connection.getresponse().read())
        if answer["ret_code"] != 0:
            raise SystemExit(answer)
        return answer


def draw(dice, values):
    """A question of the mix."""
    parameters = {"duration": "monthly", "group_by.1": "project_id"}
    for name, dimension in [
        ("zone", "zone_id"),
        ("user", "user_id"),
        ("project_id", "project_id"),
        ("resource_type", "resource_type"),
        ("root_user", "root_user_id"),
    ]:
        if dice.random() < 0.3:
            parameters[f"{name}.1"] = dice.choice(values[dimension])
    if dice.random() < 0.5:
        first = dice.randrange(1, 3)
        parameters["start_time"] = f"2024-{first:02}-01T00:00:00+08:00"
        parameters["end_time"] = f"2024-{first + 1:02}-01T00:00:00+08:00"
    return parameters


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--billfold", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--bill", type=Path, help="a bill of one currency, instead of a seeded one")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=2)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        bill = arguments.bill or Path(folder) / "bill.parquet"
        if arguments.bill is None:
            command = [arguments.billfold, "gen", "--format", "qingcloud-records", "--currency", "CNY"]
            command += ["--rows", str(arguments.rows), "--seed", str(SEED), "--output", bill]
            subprocess.run(command, check=True)
        start = time.monotonic()
        command = [arguments.billfold, "serve", bill, "--listen", "127.0.0.1:0", "--poll", "0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, encoding="utf-8") as server:
            try:
                measure(server, arguments, start, bill)
            finally:
                server.terminate()


def measure(server, arguments, start, bill):
    for line in server.stderr:
        if '"listening"' in line:
            break
        print(line, end="")
    else:
        raise SystemExit("the server does not listen")
    loaded = time.monotonic() - start
    said = json.loads(line)
    address, n_charges = said["address"], said["charges"]
    # Its log is read all the time, so that it never waits for us.
    threading.Thread(target=lambda: [None for _ in server.stderr], daemon=True).start()

    asker = Client(address)
    values = {}
    for dimension in ("zone_id", "user_id", "project_id", "resource_type", "root_user_id"):
        if dimension == "root_user_id":
            values[dimension] = list(asker.ask(duration="total")["charge_sum_set"])
        else:
            values[dimension] = list(asker.ask(duration="total", **{"group_by.1": dimension})["charge_sum_set"])

    times = [[] for _ in range(arguments.clients)]
    until = time.monotonic() + arguments.seconds

    def work(index):
        dice, client = random.Random(SEED + index), Client(address)
        while time.monotonic() < until:
            parameters = draw(dice, values)
            begin = time.monotonic()
            client.ask(**parameters)
            times[index].append(time.monotonic() - begin)

    begin = time.monotonic()
    threads = [threading.Thread(target=work, args=(index,)) for index in range(arguments.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - begin
    every = sorted(time for each in times for time in each)
    now, peak = resident(server.pid)
    print(f"bill             {bill.stat().st_size / 2**20:,.0f} MiB, {n_charges:,} charges, {os.cpu_count()} cores")
    print(f"loaded in        {loaded:.1f} s")
    print(f"answers a second {len(every) / took:,.0f} ({len(every):,} in {took:.0f} s, {arguments.clients} clients)")
    print(f"median           {statistics.median(every) * 1000:.1f} ms")
    print(f"99 in 100 below  {every[int(len(every) * 0.99)] * 1000:.1f} ms")
    print(f"memory           {now / 2**20:,.0f} MiB, {now / n_charges:.0f} bytes a charge (at most {peak / 2**20:,.0f} MiB)")


if __name__ == "__main__":
    main()

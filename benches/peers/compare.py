"""Whether several answers are the same to the last digit: `compare.py BILLFOLD.csv PEER.csv…`.

Prints the number of groups. A process of its own, because a large answer would swell the memory of the
runner, and what a measured process is said to have used at most begins with the memory of its parent.
"""

from __future__ import annotations

import csv
import sys

FIXED = {"period", "period_start", "period_end", "billing_currency", "currency", "cost", "charges"}


def plain(amount: str) -> str:
    """The one text of an exact amount: no zeros behind the last digit, no negative zero."""
    if "e" in amount or "E" in amount:
        sys.exit(f"{amount} is no plain decimal")
    if "." in amount:
        amount = amount.rstrip("0").rstrip(".")
    return "0" if amount in ("", "-0", "-") else amount


def groups(path: str) -> set[str]:
    """One text per group, whatever the order of rows and the spelling of amounts and periods."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        at = {name: place for place, name in enumerate(header)}
        dimensions = [place for place, name in enumerate(header) if name not in FIXED]
        period = at.get("period_start", at["period"])
        currency = at.get("billing_currency", at.get("currency"))
        cost, charges = at["cost"], at["charges"]
        found = set()
        n_rows = 0
        for row in rows:
            keys = [*(row[place] for place in dimensions), row[period][:10], row[currency].upper()]
            found.add("\x1f".join([*keys, plain(row[cost]), row[charges]]))
            n_rows += 1
    if len(found) != n_rows:
        sys.exit(f"{path}: a group stands there twice")
    return found


def main() -> None:
    reference, *others = sys.argv[1:]
    expected = groups(reference)
    for other in others:
        got = groups(other)
        if got != expected:
            missing = sorted(expected - got)[:5]
            extra = sorted(got - expected)[:5]
            shown = "\n".join([*(f"  only {reference}: {m!r}" for m in missing), *(f"  only {other}: {e!r}" for e in extra)])
            sys.exit(f"{other}: another answer than {reference} ({len(got)} and {len(expected)} groups)\n{shown}")
    print(len(expected))


if __name__ == "__main__":
    main()

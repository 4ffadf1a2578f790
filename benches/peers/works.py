"""The bills and the questions of the comparison, in terms that every engine understands.

Not here: how an engine is asked (`peer_polars.py`, `peer_duckdb.py`, `run.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

SEED = 20240229
RESOURCES = 100_000


@dataclass(frozen=True)
class Layout:
    """Which columns of an export a question reads, and the peers' type for its cost.

    `decimal` is (precision, scale). The peers get the narrowest type that the export's documentation
    allows, which is the fastest one for them. billfold is told nothing: it keeps every digit it meets.
    """

    format: str
    columns: dict[str, str]
    cost: str
    time: str
    time_format: str
    currency: str
    tags: str
    decimal: tuple[int, int]
    billfold_args: tuple[str, ...] = ()
    gen_args: tuple[str, ...] = ()


QINGCLOUD = Layout(
    format="qingcloud-records",
    columns={name: name for name in ("project_id", "zone_id", "resource_type", "resource_id")},
    cost="fee",
    time="start_time",
    time_format="%Y-%m-%dT%H:%M:%SZ",
    currency="currency",
    tags="tags",
    decimal=(18, 4),
    gen_args=("--resources", str(RESOURCES)),
)

CUR = Layout(
    format="aws-cur-legacy",
    columns={"sub_account_id": "lineItem/UsageAccountId", "service_name": "lineItem/ProductCode"},
    cost="lineItem/UnblendedCost",
    time="lineItem/UsageStartDate",
    time_format="%Y-%m-%dT%H:%M:%SZ",
    currency="lineItem/CurrencyCode",
    tags="",
    decimal=(38, 15),
    # The unblended cost as it stands: the rules of the amortised cost are no peer's business.
    billfold_args=("--metric", "billed"),
    gen_args=("--resources", "20000", "--option", "wide=yes"),
)


@dataclass(frozen=True)
class BillFile:
    """One generated file. `share` is its part of the rows asked for."""

    layout: Layout
    ending: str
    gen_args: tuple[str, ...] = ()
    share: float = 1.0

    def rows(self, rows: int) -> int:
        return int(rows * self.share)

    def name(self, rows: int) -> str:
        return f"{self.layout.format}-{self.rows(rows)}-{SEED}{self.ending}"


BILLS = {
    "CSV": BillFile(QINGCLOUD, ".csv"),
    "CSV.gz": BillFile(QINGCLOUD, ".csv.gz"),
    "Parquet": BillFile(QINGCLOUD, ".parquet", ("--compression", "zstd")),
    # Eight times as wide, so a fifth of the rows is still the largest file.
    "CUR": BillFile(CUR, ".csv", share=0.2),
}


@dataclass(frozen=True)
class Work:
    """One question about one bill."""

    name: str
    bill: str
    by: tuple[str, ...]
    duration: str
    short: bool = False


_QUESTIONS = (
    ("total", (), "total"),
    ("month × project", ("project_id",), "monthly"),
    ("day × zone × type", ("zone_id", "resource_type"), "daily"),
    ("day × tag", ("tag_id",), "daily"),
    ("month × resource", ("resource_id",), "monthly"),
    ("day × resource", ("resource_id",), "daily"),
)

_SHORT = {
    ("CSV", "total"),
    ("CSV", "day × tag"),
    ("CSV", "day × resource"),
    ("Parquet", "day × zone × type"),
}

WORKS = (
    *(Work(f"CSV, {name}", "CSV", by, duration, ("CSV", name) in _SHORT) for name, by, duration in _QUESTIONS),
    Work("CSV.gz, month × project", "CSV.gz", ("project_id",), "monthly", short=True),
    *(
        Work(f"Parquet, {name}", "Parquet", by, duration, ("Parquet", name) in _SHORT)
        for name, by, duration in _QUESTIONS
    ),
    Work("CUR (190 columns), month × account × product", "CUR", ("sub_account_id", "service_name"), "monthly", short=True),
)

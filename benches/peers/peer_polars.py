"""One question to Polars: a JSON task as the only argument, the groups as a CSV file.

The streaming engine, a schema instead of inference, exact decimals, and only the columns that the
question names. The answer is not sorted, although billfold's is.
"""

import json
import os
import sys

TASK = json.loads(sys.argv[1])
os.environ["POLARS_MAX_THREADS"] = str(TASK["threads"])

import polars as pl  # noqa: E402  (reads the number of threads when it is loaded)


def scan(task: dict) -> pl.LazyFrame:
    """The columns `cost`, `time`, `currency`, `tags` and the dimensions, typed."""
    time = pl.col(task["time"])
    if task["carrier"] == "parquet":
        frame = pl.scan_parquet(task["file"])
    else:
        schema = {name: pl.String for name in task["header"]}
        schema[task["cost"]] = pl.Decimal(*task["decimal"])
        frame = pl.scan_csv(task["file"], schema=schema)
        time = time.str.to_datetime(task["time_format"], time_unit="us")
    period = {
        "total": pl.lit(""),
        "monthly": time.dt.truncate("1mo").dt.date(),
        "daily": time.dt.date(),
    }[task["duration"]]
    columns = [
        period.alias("period"),
        pl.col(task["currency"]).alias("currency"),
        pl.col(task["cost"]).alias("cost"),
    ]
    for name in task["by"]:
        if name == "tag_id":
            columns.append(pl.col(task["tags"]).str.json_decode(pl.List(pl.String)).alias("tag_id"))
        else:
            columns.append(pl.col(task["columns"][name]).alias(name))
    frame = frame.select(columns)
    # An empty list becomes a null, which is the group of the untagged.
    return frame.explode("tag_id", empty_as_null=True) if "tag_id" in task["by"] else frame


def main() -> None:
    keys = [*TASK["by"], "period", "currency"]
    groups = scan(TASK).group_by(keys).agg(pl.col("cost").sum(), pl.len().alias("charges"))
    groups.sink_csv(TASK["output"], engine="streaming")


if TASK["file"]:
    main()

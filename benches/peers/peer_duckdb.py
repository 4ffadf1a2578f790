"""One question to DuckDB: a JSON task as the only argument, the groups as a CSV file.

Columns declared instead of sniffed, exact decimals, only the columns that the question names, and no
order of rows to be kept. The answer is not sorted, although billfold's is.
"""

import json
import sys

import duckdb


def name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def source(task: dict) -> str:
    if task["carrier"] == "parquet":
        return f"read_parquet({text(task['file'])})"
    types = {column: "VARCHAR" for column in task["header"]}
    types[task["cost"]] = "DECIMAL({}, {})".format(*task["decimal"])
    types[task["time"]] = "TIMESTAMP"
    columns = ", ".join(f"{text(column)}: {text(kind)}" for column, kind in types.items())
    return (
        f"read_csv({text(task['file'])}, auto_detect = false, header = true, delim = ',', quote = '\"', "
        f"escape = '\"', columns = {{{columns}}})"
    )


def query(task: dict) -> str:
    time = name(task["time"])
    period = {
        "total": "''",
        "monthly": f"date_trunc('month', {time}::TIMESTAMP)::DATE",
        "daily": f"{time}::DATE",
    }[task["duration"]]
    columns = [
        f"{period} AS period",
        f"{name(task['currency'])} AS currency",
        f"{name(task['cost'])} AS cost",
    ]
    for dimension in task["by"]:
        if dimension == "tag_id":
            tags = name(task["tags"])
            # Unnesting an empty list would drop the row, which belongs to the group of the untagged.
            columns.append(
                f"unnest(CASE WHEN {tags} IS NULL OR {tags} = '[]' THEN [''] "
                f"ELSE from_json({tags}, '[\"VARCHAR\"]') END) AS tag_id"
            )
        else:
            columns.append(f"{name(task['columns'][dimension])} AS {dimension}")
    keys = ", ".join([*task["by"], "period", "currency"])
    return (
        f"SELECT {keys}, sum(cost) AS cost, count(*) AS charges "
        f"FROM (SELECT {', '.join(columns)} FROM {source(task)}) GROUP BY {keys}"
    )


def main(task: dict) -> None:
    connection = duckdb.connect(config={"threads": task["threads"], "preserve_insertion_order": False})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"COPY ({query(task)}) TO {text(task['output'])} (FORMAT csv, HEADER true)")


TASK = json.loads(sys.argv[1])
if TASK["file"]:
    main(TASK)

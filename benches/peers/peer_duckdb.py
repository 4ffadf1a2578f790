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


def column(task: dict, header: str) -> str:
    """A column of the bill. Those of CSV go by their place: AWS has tags whose names differ in case only."""
    return name(header) if task["carrier"] == "parquet" else f"c{task['header'].index(header)}"


def source(task: dict) -> str:
    if task["carrier"] == "parquet":
        return f"read_parquet({text(task['file'])})"
    types = {task["cost"]: "DECIMAL({}, {})".format(*task["decimal"]), task["time"]: "TIMESTAMP"}
    columns = ", ".join(f"{column(task, header)}: {text(types.get(header, 'VARCHAR'))}" for header in task["header"])
    return (
        f"read_csv({text(task['file'])}, auto_detect = false, header = true, delim = ',', quote = '\"', "
        f"escape = '\"', columns = {{{columns}}})"
    )


def query(task: dict) -> str:
    time = column(task, task["time"])
    period = {
        "total": "''",
        "monthly": f"date_trunc('month', {time}::TIMESTAMP)::DATE",
        "daily": f"{time}::DATE",
    }[task["duration"]]
    columns = [
        f"{period} AS period",
        f"{column(task, task['currency'])} AS currency",
        f"{column(task, task['cost'])} AS cost",
    ]
    for dimension in task["by"]:
        if dimension == "tag_id":
            tags = column(task, task["tags"])
            # Unnesting an empty list would drop the row, which belongs to the group of the untagged.
            columns.append(
                f"unnest(CASE WHEN {tags} IS NULL OR {tags} = '[]' THEN [''] "
                f"ELSE from_json({tags}, '[\"VARCHAR\"]') END) AS tag_id"
            )
        else:
            columns.append(f"{column(task, task['columns'][dimension])} AS {dimension}")
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

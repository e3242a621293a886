"""Runs each line of standard input, a query as a JSON string, and answers with a line of JSON."""
import decimal, json, sys

import duckdb

duckdb.sql("SET TimeZone = 'UTC'")
duckdb.sql("SET enable_progress_bar = false")  # it would stand between the answers


def plain(value):
    return float(value) if isinstance(value, decimal.Decimal) else str(value)


for line in sys.stdin:
    try:
        relation = duckdb.sql(json.loads(line))
        answer = {"rows": relation.fetchall() if relation else []}
    except Exception as e:
        answer = {"error": str(e) or repr(e)}
    print(json.dumps(answer, separators=(",", ":"), ensure_ascii=False, default=plain), flush=True)

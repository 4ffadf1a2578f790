"""What the packages of QingCloud and ShanHe get from billfold. Started by run.py."""

import csv
import importlib
import io
import json
import sys
from decimal import ROUND_HALF_UP, Decimal

from run import QINGCLOUD

KEY, SECRET = "QYACCESSKEYIDEXAMPLE", "SECRETACCESSKEY"
ROWS = list(csv.DictReader(io.StringIO(QINGCLOUD)))
CHECKS = 0


def same(got, expected, what):
    global CHECKS
    CHECKS += 1
    assert got == expected, f"{what}: got {got!r}, expected {expected!r}"


def text(amount):
    """Four places at most, half away from zero, no zeros at the end."""
    rounded = amount.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)
    shown = format(rounded, "f").rstrip("0").rstrip(".")
    return "0" if shown in ("-0", "") else shown


def total(**wanted):
    """The sum of the rows whose columns have one of the values wanted."""
    keep = (r for r in ROWS if all(r[column] in values for column, values in wanted.items()))
    return text(sum((Decimal(r["fee"]) for r in keep), Decimal(0)))


def main():
    address, package = sys.argv[1:3]
    host, port = address.split(":")
    connection = importlib.import_module(f"{package}.iaas.connection").APIConnection

    def connect(key=KEY, secret=SECRET):
        return connection(key, secret, "gd2", host=host, port=int(port), protocol="http")

    api = connect()

    def ask(action, verb="GET", on=api, **parameters):
        # The package adds its own zone where none is given; an empty one means none.
        parameters.setdefault("zone", "")
        return on.send_request(action, parameters, verb=verb)

    # Success: both verbs, every filter, alone and together.
    for verb in ("GET", "POST"):
        for parameters, wanted in [
            ({}, {}),
            ({"user": ["usr-s1"]}, {"user_id": ["usr-s1"]}),
            ({"user": ["usr-s1", "usr-s2"]}, {"user_id": ["usr-s1", "usr-s2"]}),
            ({"root_user": "usr-r2"}, {"root_user_id": ["usr-r2"]}),
            ({"project_id": ["pj-b"]}, {"project_id": ["pj-b"]}),
            ({"zone": ["gd2"]}, {"zone_id": ["gd2"]}),
            ({"zone": ["gd2", "pek3a"]}, {"zone_id": ["gd2", "pek3a"]}),
            ({"resource_type": ["instance", "eip"]}, {"resource_type": ["instance", "eip"]}),
            ({"resource": ["i-1"]}, {"resource_id": ["i-1"]}),
            ({"resource": ["i-none"]}, {"resource_id": []}),
            ({"project_id": ["pj-a"], "zone": ["pek3a"]}, {"project_id": ["pj-a"], "zone_id": ["pek3a"]}),
        ]:
            answer = ask("GetChargeSums", verb, duration="total", **parameters)
            same(answer["ret_code"], 0, parameters)
            same(answer["action"], "GetChargeSumsResponse", parameters)
            same(answer["total_sum"], total(**wanted), (verb, parameters))

    # A zone that nobody asked for is the package's, and it is a filter.
    answer = api.send_request("GetChargeSums", {"duration": "total"})
    same(answer["total_sum"], total(zone_id=["gd2"]), "the package's own zone")

    # Groups, and every duration adds up to the same.
    for dimension in ("project_id", "resource_id", "zone_id", "user_id", "resource_type"):
        answer = ask("GetChargeSums", duration="total", group_by=[dimension])
        values = sorted({r[dimension] for r in ROWS})
        same(sorted(answer["charge_sum_set"]), values, dimension)
        for value, items in answer["charge_sum_set"].items():
            same(items[0]["fee"], total(**{dimension: [value]}), (dimension, value))
            same(items[0][dimension], value, dimension)
    for duration in ("daily", "weekly", "monthly", "quarterly", "yearly", "total"):
        answer = ask("GetChargeSums", duration=duration)
        fees = [Decimal(item["fee"]) for items in answer["charge_sum_set"].values() for item in items]
        same(text(sum(fees)), total(), duration)
        assert all(duration in item for items in answer["charge_sum_set"].values() for item in items)
    same(
        ask("GetChargeSums", duration="total", group_by="reousrce_type")["charge_sum_set"],
        ask("GetChargeSums", duration="total", group_by=["resource_type"])["charge_sum_set"],
        "the misspelt dimension of the page",
    )
    # March in UTC+8, as the page writes it; one charge lies on the border.
    march = {"start_time": "2024-02-29T16:00:00.000Z", "end_time": "2024-03-31T15:59:59.999Z"}
    answer = ask("GetChargeSums", duration="monthly", **march)
    same(answer["total_sum"], text(Decimal("44.48") + Decimal("0.4355") + Decimal("1.5")), "March")

    # Pages: they put together what is asked at once.
    whole = ask("GetChargeSums", duration="daily", group_by=["resource_id"])
    pages = []
    for offset in range(whole["total_count"]):
        page = ask("GetChargeSums", duration="daily", group_by=["resource_id"], offset=offset, limit=1)
        same(page["total_sum"], whole["total_sum"], "a page's total")
        same(page["total_count"], whole["total_count"], "a page's count")
        pages += [item for items in page["charge_sum_set"].values() for item in items]
    same(pages, [item for items in whole["charge_sum_set"].values() for item in items], "pages")
    empty = ask("GetChargeSums", duration="total", offset=1000)
    same((empty["ret_code"], empty["charge_sum_set"], empty["total_sum"]), (0, {}, total()), "past the end")

    # The other actions of the family.
    answer = ask("GetTotalEstimatedConsumption", project_id="pj-b", root_user="usr-r2", group_by="resource_type")
    same(answer["ret_code"], 0, "GetTotalEstimatedConsumption")
    assert isinstance(answer["total_price"], str) and isinstance(answer["total_count"], int)
    same(answer["total_resource_count"], answer["elastic_resource_count"] + answer["reserved_resource_count"], "counts")
    answer = ask("GetProjectResourceStat", project_id="pj-a", console_id="admin", owner="usr-r")
    same(answer["ret_code"], 0, "GetProjectResourceStat")
    assert isinstance(answer["data"], list) and len(answer["data"]) == answer["total_count"], answer
    answer = ask("GetChargeRecords", resource="i-1", zone="gd2")
    same((answer["ret_code"], answer["total_count"], answer["total_sum"]), (0, 2, total(resource_id=["i-1"])), "GetChargeRecords")
    same(sorted(r["fee"] for r in answer["charge_record_set"]), ["0.4355", "44.48"], "GetChargeRecords")

    # Every class of error is a dict with a code, and the package never gives up with None.
    for code, action, parameters in [
        (1100, "GetChargeSums", {}),
        (1100, "GetChargeSums", {"duration": "total", "start_time": "yesterday"}),
        (1100, "GetChargeSums", {"duration": "total", "limit": "many"}),
        (1101, "GetChargeSums", {"duration": "hourly"}),
        (1101, "GetChargeSums", {"duration": "total", "group_by": ["colour"]}),
        (1101, "GetChargeProducts", {"duration": "total"}),
        (1100, "GetTotalEstimatedConsumption", {"project_id": "pj-a"}),
        (1100, "GetProjectResourceStat", {"project_id": "pj-a"}),
    ]:
        answer = ask(action, **parameters)
        same(answer["ret_code"], code, (action, parameters, answer))
        assert "action" not in answer and answer["message"], answer
    alike = []
    for key, secret in ((KEY, "WRONG"), ("NOBODY", SECRET)):
        alike.append(ask("GetChargeSums", on=connect(key, secret), duration="total"))
    same(alike[0], alike[1], "a wrong secret and an unknown key")
    same(alike[0]["ret_code"], 1200, "a wrong secret")

    # A key with a scope sees its project; another one is not there for it.
    scoped = connect("SCOPEDKEY", "SCOPEDSECRET")
    same(ask("GetChargeSums", on=scoped, duration="total")["total_sum"], total(project_id=["pj-a"]), "a scope")
    same(ask("GetChargeSums", on=scoped, duration="total", project_id=["pj-b"])["ret_code"], 1400, "out of scope")

    # An older client: HmacSHA1.
    old = connect()
    for handler in (old._auth_handler,):
        handler._hmac_256 = None
    same(ask("GetChargeSums", on=old, duration="total")["total_sum"], total(), "HmacSHA1")
    # The key of an instance: version 2 with its token, at /iam/.
    iam = connect()
    iam.iam_access_key, iam._token = KEY, "TOKENOFTHEKEY"
    answer = iam.send_request("GetChargeSums", {"duration": "total", "zone": ""}, url="/iam/")
    same(answer.get("total_sum"), total(), "signature version 2")
    iam._token = "ANOTHER"
    same(iam.send_request("GetChargeSums", {"duration": "total"}, url="/iam/")["ret_code"], 1200, "another token")

    json.dumps(whole)
    print(f"{package}: {CHECKS} checks")


if __name__ == "__main__":
    main()

"""What Tencent Cloud's packages get from billfold. Started by run.py."""

import json
import sys
import time

from tencentcloud.billing.v20180709 import billing_client, models
from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

KEY, SECRET = "QYACCESSKEYIDEXAMPLE", "SECRETACCESSKEY"
CHECKS = 0


def same(got, expected, what):
    global CHECKS
    CHECKS += 1
    assert got == expected, f"{what}: got {got!r}, expected {expected!r}"


def client(address, secret=SECRET, key=KEY, method="TC3-HMAC-SHA256", verb="POST"):
    http = HttpProfile(protocol="http", endpoint=address, reqMethod=verb)
    profile = ClientProfile(signMethod=method, httpProfile=http)
    return billing_client.BillingClient(credential.Credential(key, secret), "", profile)


def main():
    address, package = sys.argv[1:3]

    def ask(action, on=None, **parameters):
        # Below the limit of 20 calls a second, which is Tencent's own.
        time.sleep(0.06)
        request = getattr(models, f"{action}Request")()
        request.from_json_string(json.dumps(parameters))
        return getattr(on or client(address), action)(request)

    def resources(on=None, **parameters):
        parameters = {"BeginTime": "2024-03", "EndTime": "2024-03", "Limit": 100, "Offset": 0, **parameters}
        return ask("DescribeCostSummaryByResource", on, **parameters)

    def ids(answer):
        return [item.ResourceId for item in answer.Data]

    # Typed answers with both verbs and every signature.
    for method in ("TC3-HMAC-SHA256", "HmacSHA256", "HmacSHA1"):
        for verb in ("POST", "GET"):
            answer = resources(client(address, method=method, verb=verb), Conditions={"OrderByCost": "desc"})
            same(answer.Total.RealTotalCost, "160.26", (method, verb))
            same(ids(answer), ["ins-2", "ins-1", "cdn-1"], (method, verb))
            same((answer.Ready, answer.RecordNum, answer.ConditionValue), (1, None, None), (method, verb))
            assert answer.RequestId
    item = resources().Data[1]
    same(
        (item.RealTotalCost, item.RealCost, item.CashPayAmount, item.DailyTotalCost, item.DayDiff),
        ("10.01", "12.00", "10.00500000", "10.00500000", "1"),
        "amounts",
    )
    same((item.FeeBeginTime, item.FeeEndTime), ("2024-03-01 00:00:00", "2024-03-01 23:59:59"), "times")
    # The international package asks for English.
    pay_mode = "按量计费" if package == "mainland" else "Pay-as-you-go"
    same((item.PayMode, item.PayModeName, item.ProjectId, item.RegionId), ("postPay", pay_mode, "1001", "1"), "words")
    same((item.PayerUin, item.OwnerUin, item.OperateUin), ("100", "201", "201"), "accounts")

    # Every filter.
    for conditions, expected in [
        ({"PayModes": ["prePay"]}, ["ins-2"]),
        ({"PayModes": ["prePay", "postPay"]}, ["ins-2", "ins-1", "cdn-1"]),
        ({"ProjectIds": [1001]}, ["ins-1", "cdn-1"]),
        ({"ProjectIds": [1001, 1002]}, ["ins-2", "ins-1", "cdn-1"]),
        ({"RegionIds": [4]}, ["ins-2"]),
        ({"RegionIds": [1, 4]}, ["ins-2", "ins-1", "cdn-1"]),
        ({"RegionIds": [99]}, []),
        ({"ResourceKeyword": "ins"}, ["ins-2", "ins-1"]),
        ({"ResourceKeyword": "web"}, ["ins-1"]),
        ({"ResourceKeyword": "%"}, []),
        ({"ResourceKeyword": ".*"}, []),
        ({"HideFreeCost": 1}, ["ins-2", "ins-1"]),
        ({"HideFreeCost": 0}, ["ins-2", "ins-1", "cdn-1"]),
        ({"OrderByCost": "asc"}, ["cdn-1", "ins-1", "ins-2"]),
        ({"ProjectIds": [1001], "HideFreeCost": 1}, ["ins-1"]),
    ]:
        for verb in ("POST", "GET"):
            same(ids(resources(client(address, verb=verb), Conditions=conditions)), expected, (verb, conditions))
    same(ids(resources(PayerUin="100")), ["ins-2", "ins-1", "cdn-1"], "PayerUin")
    same(ids(resources(PayerUin="7")), [], "PayerUin")
    if package == "mainland":
        same(ids(resources(TagKey="team", TagValue="a")), ["ins-2"], "TagKey")
        same(ids(resources(TagKey="team", TagValue="")), ["ins-1"], "rows without the tag")
    same(ids(resources(BeginTime="2024-04", EndTime="2024-04")), ["cdn-1"], "another month")
    same(ids(resources(BeginTime="2024-05", EndTime="2024-05")), [], "a month without charges")

    # Pages, the count, and the values of conditions.
    paged = [ids(resources(Limit=1, Offset=offset, NeedRecordNum=1)) for offset in range(4)]
    same(paged, [["ins-2"], ["ins-1"], ["cdn-1"], []], "pages")
    answer = resources(Limit=1, NeedRecordNum=1, NeedConditionValue=1)
    same((answer.RecordNum, answer.Total.RealTotalCost), (3, "160.26"), "the count is of all pages")
    values = answer.ConditionValue
    same(sorted(v.ProjectId for v in values.Project), ["1001", "1002"], "projects")
    same(sorted(v.RegionId for v in values.Region), ["1", "4"], "regions")
    same(sorted(v.BusinessCode for v in values.Business), ["p_cdn", "p_cvm"], "products")
    same(sorted(v.PayMode for v in values.PayMode), ["postPay", "prePay"], "ways to pay")

    # The siblings.
    month = {"BeginTime": "2024-03", "EndTime": "2024-03", "Limit": 100, "Offset": 0, "NeedRecordNum": 1}
    answer = ask("DescribeCostSummaryByProduct", **month)
    same([(d.BusinessCode, d.RealTotalCost) for d in answer.Data], [("p_cvm", "160.25500000"), ("p_cdn", "0.00000000")], "ByProduct")
    same((answer.Total.RealTotalCost, answer.RecordNum), ("160.25500000", 2), "ByProduct")
    answer = ask("DescribeCostSummaryByProject", **month)
    same([(d.ProjectId, d.RealTotalCost) for d in answer.Data], [("1002", "150.25000000"), ("1001", "10.00500000")], "ByProject")
    same(answer.Data[0].Business[0].BusinessCode, "p_cvm", "ByProject")
    answer = ask("DescribeCostSummaryByRegion", **month)
    same([(d.RegionId, d.RealTotalCost) for d in answer.Data], [("4", "150.25"), ("1", "10.01")], "ByRegion")
    answer = ask("DescribeBillResourceSummary", Month="2024-03", Limit=100, Offset=0, NeedRecordNum=1)
    same(sorted(d.ResourceId for d in answer.ResourceSummarySet), ["cdn-1", "ins-1", "ins-2"], "DescribeBillResourceSummary")
    same(answer.Total, 3, "DescribeBillResourceSummary")

    # Every class of error is the package's exception, with a code and the id of the request.
    def fails(code, call):
        try:
            answer = call()
        except TencentCloudSDKException as error:
            same(error.get_code(), code, error)
            assert error.get_request_id(), error
            return error.get_message()
        raise AssertionError(f"{code} expected, got {answer.to_json_string()}")

    fails("MissingParameter", lambda: ask("DescribeCostSummaryByResource", EndTime="2024-03", Limit=1, Offset=0))
    fails("MissingParameter", lambda: ask("DescribeCostSummaryByResource", BeginTime="2024-03", EndTime="2024-03"))
    fails("InvalidParameterValue", lambda: resources(Limit=101))
    fails("InvalidParameter", lambda: resources(EndTime="2024-04"))
    fails("InvalidParameterValue", lambda: resources(Conditions={"PayModes": ["later"]}))
    fails("InvalidAction", lambda: client(address).call_json("DescribeCostSummaryByColour", {}) and None)
    wrong = fails("AuthFailure.SignatureFailure", lambda: resources(client(address, secret="WRONG")))
    unknown = fails("AuthFailure.SignatureFailure", lambda: resources(client(address, key="NOBODY")))
    same(wrong, unknown, "a wrong secret and an unknown key")
    for method in ("HmacSHA256", "HmacSHA1"):
        fails("AuthFailure.SignatureFailure", lambda: resources(client(address, secret="WRONG", method=method)))

    def many():
        on = client(address)
        request = models.DescribeCostSummaryByResourceRequest()
        request.from_json_string(json.dumps({k: v for k, v in month.items() if k != "NeedRecordNum"}))
        for _ in range(200):
            answer = on.DescribeCostSummaryByResource(request)
        return answer

    fails("RequestLimitExceeded", many)
    print(f"tencent {package}: {CHECKS} checks")


if __name__ == "__main__":
    main()

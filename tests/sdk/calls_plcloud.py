"""What a client of plcloud gets from billfold: its package has no billing call, so this is plain HTTP.

Started by run.py.
"""

import json
import sys
import urllib.parse
import urllib.request


def main():
    address = sys.argv[1]

    def ask(token, **parameters):
        headers = {"X-CSRFToken": "t"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        body = urllib.parse.urlencode(parameters).encode()
        request = urllib.request.Request(f"http://{address}/api/", body, headers)
        with urllib.request.urlopen(request) as answer:
            assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
            return json.load(answer)

    answer = ask("TOKENOFTHEKEY", action="GetConsumptionsByQuery", region="", type="instance")
    assert answer["code"] == 200 and len(answer["data"]) == 3, answer
    assert all(item["res_type"] == "instance" for item in answer["data"])
    window = {"start_at": "2024-03-01", "end_at": "2024-03-02"}
    answer = ask("TOKENOFTHEKEY", action="GetConsumptionsByQuery", type="instance", **window)
    assert [item["amount"] for item in answer["data"]] == ["44.4800000000"], answer
    assert answer["total_amount"] == "44.4800000000", answer
    answer = ask("TOKENOFTHEKEY", action="GetConsumptionsByQuery", type="colour")
    assert (answer["code"], answer["data"]) == (200, []), answer
    answer = ask("TOKENOFTHEKEY", action="GetConsumptionsSummary", **window)
    assert answer["code"] == 200, answer
    answer = ask("TOKENOFTHEKEY", action="GetConsumptionsByColour")
    assert answer["code"] == 404 and answer["data"] == [], answer
    for token in (None, "ANOTHER"):
        assert ask(token, action="GetConsumptionsByQuery")["code"] == 401
    print("plcloud: answered")


if __name__ == "__main__":
    main()

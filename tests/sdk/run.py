"""The vendors' own packages against a running billfold.

    python3 tests/sdk/run.py --billfold target/release/billfold [--venvs DIR]

Makes two virtual environments (the two Tencent packages install the same module), starts `billfold serve`
with a key file on two small bills, and lets every package call every action, signed: answers must come as
the package's own types with the numbers of this file, errors as the package's own exceptions. It exits with
1 at the first thing that is not so. Environments are kept in DIR and found again there.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent

# Two keys: one that sees everything and takes HmacSHA1 too, one that sees a single project.
KEYS = """\
[[key]]
id = "QYACCESSKEYIDEXAMPLE"
secret = "SECRETACCESSKEY"
token = "TOKENOFTHEKEY"
sha1 = true

[[key]]
id = "SCOPEDKEY"
secret = "SCOPEDSECRET"
projects = ["pj-a"]
"""

# Charge records of the QingCloud family. calls_qingcloud.py adds the same rows up in its own way.
QINGCLOUD = """\
resource_type,fee,user_id,root_user_id,zone_id,project_id,resource_id,resource_name,start_time,end_time,charge_time,tags,currency,duration,total_sum,discount,price,unit,contract_id,console_id
instance,44.48,usr-s1,usr-r,gd2,pj-a,i-1,web,2024-02-29T16:00:00Z,2024-02-29T18:00:00Z,2024-02-29T16:00:00Z,"[""tag-x""]",cny,1h,0,100,22.24,hour,ct-1,admin
instance,0.4355,usr-s1,usr-r,gd2,pj-a,i-1,web,2024-03-01T16:00:00Z,2024-03-01T17:00:00Z,2024-03-01T16:00:00Z,[],cny,1h,0,100,11.12,hour,ct-1,admin
volume,1.5,usr-s2,usr-r,pek3a,pj-a,vol-1,disk,2024-03-02T00:00:00Z,2024-03-02T01:00:00Z,2024-03-02T00:00:00Z,"[""tag-x"",""tag-y""]",cny,1h,0,100,1.5,hour,ct-2,admin
eip,-0.25,usr-s2,usr-r,pek3a,pj-b,eip-1,ip,2024-03-31T16:00:00Z,2024-03-31T17:00:00Z,2024-03-31T16:00:00Z,[],cny,1h,0,100,0.25,hour,ct-3,admin
instance,7,usr-s3,usr-r2,gd2,pj-b,i-2,db,2024-04-01T00:00:00Z,2024-04-01T01:00:00Z,2024-04-01T00:00:00Z,[],cny,1h,0,100,7,hour,ct-4,admin
"""

# A bill of Tencent's. A month is one of UTC+8, as the times are.
TENCENT = """\
PayerUin,OwnerUin,OperateUin,BusinessCode,ProductCode,PayModeName,ProjectId,RegionId,RegionName,ZoneName,ResourceId,ResourceName,ActionType,OrderId,FeeBeginTime,FeeEndTime,TotalCost,RealTotalCost,Currency,BillMonth,Tags
100,201,201,p_cvm,sp_cvm,按量计费,1001,1,广州,gz-1,ins-1,web-1,Usage,,2024-03-01 00:00:00,2024-03-01 23:59:59,12.0000,10.005,CNY,202403,
100,201,201,p_cvm,sp_cvm,包年包月,1002,4,上海,sh-1,ins-2,db-1,Usage,o-1,2024-03-01 00:00:00,2024-03-31 23:59:59,200.0000,150.25,CNY,202403,"{""team"":""a""}"
100,202,202,p_cdn,sp_cdn,按量计费,1001,1,广州,gz-1,cdn-1,,Usage,,2024-03-05 00:00:00,2024-03-06 23:59:59,1.0000,0,CNY,202403,"{""team"":""b""}"
100,202,202,p_cdn,sp_cdn,按量计费,1001,1,广州,gz-1,cdn-1,,Usage,,2024-04-05 00:00:00,2024-04-06 23:59:59,3.0000,2,CNY,202404,"{""team"":""b""}"
"""


def environment(venvs, name):
    """The interpreter of a virtual environment that holds what requirements-NAME.txt says."""
    folder = venvs / name
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    wanted = HERE / f"requirements-{name}.txt"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted]
    subprocess.run(install, check=True)
    return python


class Server:
    """A billfold that serves one bill."""

    def __init__(self, billfold, folder, name, bill):
        path, keys = folder / f"{name}.csv", folder / f"{name}.toml"
        path.write_text(bill, encoding="utf-8")
        keys.write_text(KEYS, encoding="utf-8")
        keys.chmod(0o600)
        command = [billfold, "serve", path, "--listen", "127.0.0.1:0", "--keys", keys]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, encoding="utf-8")
        self.address = None
        for line in self.process.stderr:
            if not line.startswith("{"):
                raise SystemExit(f"billfold serve: {line}")
            said = json.loads(line)
            if said["event"] == "listening":
                self.address = said["address"]
                break
        if self.address is None:
            raise SystemExit("billfold serve does not listen")

    def end(self):
        """Tells it to stop; it must end by itself, and well."""
        self.process.send_signal(signal.SIGTERM)
        rest = self.process.stderr.read()
        code = self.process.wait(timeout=60)
        assert code == 0, code
        for secret in ("SECRETACCESSKEY", "SCOPEDSECRET", "TOKENOFTHEKEY"):
            assert secret not in rest, "a secret is in the log"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--billfold", type=pathlib.Path, required=True)
    default = pathlib.Path(os.environ.get("BILLFOLD_SDK_VENVS", "~/.cache/billfold/sdk")).expanduser()
    parser.add_argument("--venvs", type=pathlib.Path, default=default)
    arguments = parser.parse_args()
    arguments.venvs.mkdir(parents=True, exist_ok=True)
    mainland = environment(arguments.venvs, "mainland")
    international = environment(arguments.venvs, "international")

    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        qingcloud = Server(arguments.billfold, folder, "qingcloud", QINGCLOUD)
        tencent = Server(arguments.billfold, folder, "tencent", TENCENT)
        try:
            for python, script, server, more in [
                (mainland, "calls_qingcloud.py", qingcloud, ["qingcloud"]),
                (mainland, "calls_qingcloud.py", qingcloud, ["shanhe"]),
                (mainland, "calls_tencent.py", tencent, ["mainland"]),
                (international, "calls_tencent.py", tencent, ["international"]),
                (mainland, "calls_plcloud.py", qingcloud, []),
            ]:
                command = [python, HERE / script, server.address, *more]
                if subprocess.run(command, check=False).returncode != 0:
                    raise SystemExit(f"{script} {' '.join(more)} failed")
        finally:
            qingcloud.end()
            tencent.end()
    print(f"every package got what it asked for, in {time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    main()

"""What scale.bats runs on Spark, in one session: each step writes a line "name: what came of it".

    job.py DIRECTORY    with million, small and bad (requests), policy.trp, broken.trp, tiny.trp and
                        tr-route in it
"""
import os
import shutil
import sys

from pyspark.sql import SparkSession

tests = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(tests, "..", "..", "samples"))
sys.dont_write_bytecode = True
import tr_spark  # noqa: E402

where = sys.argv[1]
tool, policy = f"{where}/tr-route", f"{where}/policy.trp"
killed = f"{tests}/route-killed"
shard = f"{tests}/../../samples/route-shard"

# two cores; the job fails where a task fails twice
session = (
    SparkSession.builder.master("local[2,2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.local.dir", f"{where}/spark-tmp")
    .config("spark.sql.warehouse.dir", f"{where}/spark-tmp/warehouse")
    .config("spark.sql.shuffle.partitions", "2")
    .getOrCreate()
)
context = session.sparkContext
path = {"PATH": f"{where}:{os.environ['PATH']}"}


def say(name, what):
    print(f"{name}: {what}", flush=True)


def pipe(name, requests, command, parts=2, check=True):
    """Runs a pipe into DIRECTORY/NAME; says "done", or how it failed."""
    try:
        lines = context.textFile(f"{where}/{requests}", parts)
        lines.pipe(command, env=path, checkCode=check).saveAsTextFile(f"{where}/{name}")
        say(name, "done")
    except Exception as error:
        found = [line for line in str(error).splitlines() if "error code" in line]
        say(name, f"failed: {found[0].strip() if found else error}")


# a million lines; in one of the tasks tr-route is killed in the middle
os.mkdir(f"{where}/token.million")
pipe("million.spark", "million", f"{killed} {where}/token.million 3000000 {policy}", parts=8)
# the same without checkCode: what Spark does not notice
os.mkdir(f"{where}/token.unchecked")
pipe("unchecked", "small", f"{killed} {where}/token.unchecked 200000 {policy}", check=False)
# a pipe that always fails
pipe("failing", "small", f"{tool} -q {where}/broken.trp")
# lines that cannot be read
pipe("bad.plain", "bad", f"{tool} -q {policy}")
pipe("bad.shard", "bad", f"{shard} {policy}")
pipe("bad.policy", "bad", f"{shard} {where}/broken.trp")

# the sample: lines, a table, one that always fails
route = tr_spark.router(context, policy, "--shadow", ".1", program=tool)
context.textFile(f"{where}/small", 3).mapPartitions(route).saveAsTextFile(f"{where}/lines")
table = session.read.schema("id STRING, input STRING").json(f"{where}/small")
table.write.parquet(f"{where}/table")
decided = tr_spark.route_table(session.read.parquet(f"{where}/table"), route)
decided.write.parquet(f"{where}/decided")
again = session.read.parquet(f"{where}/decided")
say("columns", " ".join(again.columns))
again.select("id", "label", "decision", "accept_score", "shadow").coalesce(1).write.json(
    f"{where}/decided.json"
)
# another policy of the same name, and the same one again
os.mkdir(f"{where}/other")
shutil.copy(f"{where}/tiny.trp", f"{where}/other/policy.trp")
other = tr_spark.router(context, f"{where}/other/policy.trp", program=tool)
context.textFile(f"{where}/bad", 2).mapPartitions(other).saveAsTextFile(f"{where}/bad.other")
route = tr_spark.router(context, policy, "--shadow", ".1", program=tool)
context.textFile(f"{where}/bad", 2).mapPartitions(route).saveAsTextFile(f"{where}/bad.sample")
try:
    broken = tr_spark.router(context, f"{where}/broken.trp", program=tool)
    context.textFile(f"{where}/small", 2).mapPartitions(broken).count()
    say("sample", "done")
except Exception as error:
    found = [line for line in str(error).splitlines() if "RuntimeError: tr-route" in line]
    say("sample", f"failed: {found[0].strip() if found else error}")
session.stop()

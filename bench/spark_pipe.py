"""The Spark side of bench/spark: each line of standard output is "NAME SECONDS", one for each run.

    spark_pipe.py RUNS PARTITIONS TOOL POLICY REQUESTS OUTPUT
"""
import os
import shutil
import subprocess
import sys
import time

from pyspark.sql import SparkSession

runs, parts = int(sys.argv[1]), int(sys.argv[2])
tool, policy, requests, output = sys.argv[3:]
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "samples"))
sys.dont_write_bytecode = True
import tr_spark  # noqa: E402

began = time.time()
session = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.local.dir", output + ".tmp")
    .getOrCreate()
)
context = session.sparkContext
print("start", time.time() - began, flush=True)

command = f"{tool} -q {policy}"
route = tr_spark.router(context, policy, program=tool)


def lines():
    return context.textFile(requests, parts)


ways = {
    "copy": lambda: lines().map(lambda line: line),
    "pipe": lambda: lines().pipe(command, checkCode=True),
    "sample": lambda: lines().mapPartitions(route),
    # the pipe of Java and Scala: no line goes through Python
    "java": lambda: context._jsc.textFile(requests, parts).pipe(command),
}
for _ in range(runs):
    for name, way in ways.items():
        shutil.rmtree(output, ignore_errors=True)
        began = time.time()
        way().saveAsTextFile(output)
        print(name, time.time() - began, flush=True)
        if name != "copy":
            if subprocess.call(f"cat {output}/part-* | cmp - {output}.whole", shell=True):
                print("different", name, flush=True)
session.stop()

"""Routes requests on Spark: a policy and tr-route are shipped to the workers, one process a partition.

    spark-submit tr_spark.py POLICY INPUT OUTPUT [OPTION OF tr-route]...     lines of JSON to the same
    spark-submit tr_spark.py --table POLICY INPUT OUTPUT [OPTION]...         a Parquet table to another

A task fails, and is tried again by Spark, where tr-route was killed, where the policy is not the one
that the driver has, or where not every line has its decision. A line that cannot be read is no
failure: its decision says "error". tr-scale(7) has more.
"""
import argparse
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
import threading

from pyspark import SparkFiles
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


@functools.lru_cache(maxsize=None)
def to_ship():
    """A directory for what is shipped; it is removed when the driver ends."""
    return tempfile.TemporaryDirectory(prefix="tr_spark.")


def ship(context, path):
    """Ships a copy with the digest in its name, and returns that name and the digest.

    Spark knows what it ships by the name alone, and refuses a second policy.trp from elsewhere.
    """
    wanted = digest(path)
    name = f"{wanted[:16]}.{os.path.basename(path)}"
    copy = os.path.join(to_ship().name, name)
    if not os.path.exists(copy):
        shutil.copy(path, copy)
    if digest(copy) != wanted:
        raise RuntimeError(f"{path} changed while it was copied")
    context.addFile(copy)
    return name, wanted


def router(context, policy, *options, program=None):
    """A function for rdd.mapPartitions: requests in, decisions out, both as lines of JSON."""
    if __name__ != "__main__":
        context.addPyFile(os.path.abspath(__file__))  # imported by a job: the workers need it too
    program, _ = ship(context, program or shutil.which("tr-route"))
    name, wanted = ship(context, policy)

    def route(lines):
        shipped = SparkFiles.get(name)
        if digest(shipped) != wanted:
            raise RuntimeError(f"{shipped} is not the policy of the driver")
        command = [SparkFiles.get(program), shipped, "-q", *options]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        fed, fault = 0, None

        def feed():
            nonlocal fed, fault
            try:
                with process.stdin as pipe:
                    for line in lines:
                        pipe.write(line.rstrip("\n").encode() + b"\n")
                        fed += 1
            except BrokenPipeError:
                pass  # its exit status says more
            except Exception as error:
                fault = error
                process.kill()

        feeder = threading.Thread(target=feed, daemon=True)
        feeder.start()
        got = 0
        try:
            for line in process.stdout:
                got += 1
                yield line.decode().rstrip("\n")
            status = process.wait()
            feeder.join()
        finally:
            process.kill()  # where nobody reads on
        if fault:
            raise fault
        # 3: some lines could not be read. After a bad policy it is 3 too, but there are no lines.
        if status not in (0, 3) or got != fed:
            raise RuntimeError(f"tr-route: exit status {status}; {got} lines of {fed}")

    return route


ADDED = """label STRING, decision STRING, accept_score DOUBLE, stage INT, propensity DOUBLE,
    shadow_share DOUBLE, shadow BOOLEAN, error STRING"""


def route_table(table, route):
    """The table with its decisions; a column of the same name is replaced by the decision's."""
    added = StructType.fromDDL(ADDED)
    own = [field for field in table.schema.fields if field.name not in added.names]
    decided = table.toJSON().mapPartitions(route)
    # with a schema, since to infer one would route everything twice
    return table.sparkSession.read.schema(StructType(own + added.fields)).json(decided)


def main():
    parser = argparse.ArgumentParser(description="Routes requests on Spark.")
    parser.add_argument("--table", action="store_true", help="Parquet, not lines of JSON")
    parser.add_argument("policy")
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("option", nargs=argparse.REMAINDER, help="of tr-route")
    said = parser.parse_args()
    spark = SparkSession.builder.appName("tr-route").getOrCreate()
    route = router(spark.sparkContext, said.policy, *said.option)
    if said.table:
        route_table(spark.read.parquet(said.input), route).write.parquet(said.output)
    else:
        spark.sparkContext.textFile(said.input).mapPartitions(route).saveAsTextFile(said.output)


if __name__ == "__main__":
    main()

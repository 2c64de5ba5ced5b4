"""Drives tracer-llm for bench/speed.

    peer_tracer.py fit LOG LOG.npy TRAFFIC TRAFFIC.npy TARGET ARTIFACTS [EVERY [lean|all]]
    peer_tracer.py first TRAFFIC.npy ARTIFACTS

fit: fits one target on the lean set of candidates (or all), embeddings given as float32, and routes
the traffic; prints one JSON object. The seconds are those of tracer.fit alone, without the imports
and without the loading of the embeddings. first: loads the policy and decides one row; to be
timed from outside.
"""

import json
import sys
import time
from importlib.metadata import version

import numpy as np
import tracer

LEAN = ("dt", "rf", "et", "gbt", "xgb")
BATCHES = 100


def fit(log, log_npy, traffic, traffic_npy, target, artifacts, every=1, zoo="lean"):
    every = int(every)
    rows = np.ascontiguousarray(np.load(log_npy)[::every].astype(np.float32))
    config = tracer.FitConfig(target_teacher_agreement=float(target),
                              frontier_targets=(float(target),),
                              skip_candidates=LEAN if zoo == "lean" else (), verbose=False)
    wall, cpu = time.perf_counter(), time.process_time()
    tracer.fit(log, artifacts, embeddings=rows, config=config)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu

    with open(traffic, encoding="utf-8") as lines:
        teacher = [json.loads(line)["teacher"] for line in lines]
    rows = np.ascontiguousarray(np.load(traffic_npy).astype(np.float32))
    router = tracer.load_router(artifacts)
    out = router.predict_batch(rows)
    handled = [d == "handled" for d in out["decisions"]]
    agree = sum(h and a == b for h, a, b in zip(handled, out["labels"], teacher))
    start = time.perf_counter()
    for _ in range(BATCHES):
        router.predict_batch(rows)
    rate = BATCHES * len(rows) / (time.perf_counter() - start)
    json.dump({"version": version("tracer-llm"), "fit_wall": wall, "fit_cpu": cpu,
               "coverage": sum(handled) / len(rows), "agreement": agree / max(1, sum(handled)),
               "rate": rate}, sys.stdout)
    print()


def first(traffic_npy, artifacts):
    row = np.load(traffic_npy, mmap_mode="r")[0].astype(np.float32)
    print(tracer.load_router(artifacts).predict(row)["decision"])


if __name__ == "__main__":
    {"fit": fit, "first": first}[sys.argv[1]](*sys.argv[2:])

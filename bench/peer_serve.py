"""Fits and serves tracer-llm for bench/serve.

    peer_serve.py fit LOG LOG.npy TARGET ARTIFACTS
    peer_serve.py serve ARTIFACTS

fit: one target, the lean candidates, as bench/speed has it. serve: what `tracer serve` runs, on a
free port of 127.0.0.1; its URL is the first line on standard output.
"""

import socket
import sys

import numpy as np
import tracer
from tracer.runtime.serve import serve

from peer_tracer import LEAN


def fit(log, log_npy, target, artifacts):
    rows = np.ascontiguousarray(np.load(log_npy).astype(np.float32))
    config = tracer.FitConfig(target_teacher_agreement=float(target),
                              frontier_targets=(float(target),), skip_candidates=LEAN,
                              verbose=False)
    tracer.fit(log, artifacts, embeddings=rows, config=config)


def run(artifacts):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    serve(artifacts, host="127.0.0.1", port=port)


if __name__ == "__main__":
    {"fit": fit, "serve": run}[sys.argv[1]](*sys.argv[2:])

"""rows.py POLICY THREADS: requests on stdin, decided row by row through samples/route.py, on that
many threads at once; prints label, decision, accept score and stage of each as JSON."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

from route import Policy

policy = Policy(sys.argv[1])


def decide(line):
    request = json.loads(line)
    d = policy.decide(request.get("input"), request.get("embedding"))
    return json.dumps({"label": d.text, "decision": "deferred" if d.why else "handled",
                       "accept_score": d.accept_score, "stage": d.stage or None})


with ThreadPoolExecutor(int(sys.argv[2])) as pool:
    for text in pool.map(decide, sys.stdin.buffer):
        print(text)

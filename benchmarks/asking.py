"""A client for a process of its own: asks over one connection that it keeps, and prints how long each answer took.

Its one argument is a JSON object: {"socket": ..., "paths": [...], "count": 300, "every": 0}. `every` 0: as soon
as the last answer is there; otherwise at these intervals, whatever the answers take.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
import time


def main() -> None:
    asks = json.loads(sys.argv[1])
    connection = http.client.HTTPConnection("zpmd")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(asks["socket"])
    began = time.perf_counter()
    taken: list[float] = []
    for number in range(asks["count"]):
        wait = began + number * asks["every"] - time.perf_counter()
        if asks["every"] and wait > 0:
            time.sleep(wait)
        at = time.perf_counter()
        connection.request("GET", asks["paths"][number % len(asks["paths"])])
        answer = connection.getresponse()
        answer.read()
        taken.append(time.perf_counter() - at)
        if answer.status != 200:
            raise SystemExit(f"{asks['paths']}: {answer.status}")
    print(json.dumps(taken))

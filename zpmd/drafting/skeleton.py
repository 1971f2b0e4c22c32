"""What is written where nothing runs that could be carried over: a service file with an example in comments."""

from __future__ import annotations

from zpmd.drafting.site import DraftFile

TEXT = """\
# Services are Compose files: any that runs images can be put here as it is. Every *.yaml of this folder is read.
# `zpmd check` says what is wrong with them. To begin, take the `#` away and write your own image.
x-zpmd:
  # system, core, batch or app: groups start in this order, each when the one before it is ready.
  group: app

services:
#  web:
#    image: registry.example/web:1.0
#    environment:
#      PORT: "8080"
#    ports:
#      - "8080:8080"
#    volumes:
#      - data:/var/lib/web
#    healthcheck:
#      test: wget -q -O /dev/null http://127.0.0.1:8080/health
#      interval: 10s
#      timeout: 3s
#      retries: 3
#      start_period: 20s
#    deploy:
#      update_config: {order: stop-first, monitor: 10s, failure_action: rollback}
#    # What looks like a secret stands in a file of its own, mode 0640, of root and the group zpmd.
#    env_file: [web.env]
#
#volumes:
#  data:
"""


def example() -> DraftFile:
    return DraftFile(path="services.d/10-example.yaml", text=TEXT)

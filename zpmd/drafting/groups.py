"""Which group a service is guessed into. One plain rule, which the written file repeats: databases, brokers and caches,
known by the names of their images, and what these wait for, are `system`; everything else is `app`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import Final

STORES: Final = frozenset(
    {
        "activemq", "arangodb", "artemis", "cassandra", "clickhouse", "cockroach", "consul", "couchbase", "couchdb",
        "dragonfly", "elasticsearch", "etcd", "influxdb", "kafka", "keydb", "mariadb", "memcached", "minio", "mongo",
        "mongodb", "mosquitto", "mssql", "mysql", "nats", "neo4j", "opensearch", "percona", "pgbouncer", "postgis",
        "postgres", "postgresql", "pulsar", "rabbitmq", "redis", "redpanda", "scylla", "solr", "timescaledb", "valkey",
        "vault", "zookeeper",
    }
)  # fmt: skip
RULE = (
    "Groups start in the order system, core, batch, app. Databases, brokers and caches, known by the names of their "
    "images, and what these wait for, were put into system, everything else into app: correct that where it is wrong."
)


def is_store(image: str) -> bool:
    """Whether a word of the image's last name is one of a database, a broker or a cache."""
    last = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return bool(STORES & set(re.split(r"[-_.]", last.lower())))


def system(images: Mapping[str, str], needs: Mapping[str, Set[str]]) -> frozenset[str]:
    """The services of the group system. `images` by service, `needs` the services that each waits for: nobody can wait
    for a later group."""
    found: set[str] = set()
    queue = [name for name, image in images.items() if is_store(image)]
    while queue:
        name = queue.pop()
        if name not in found:
            found.add(name)
            queue += needs.get(name, frozenset())
    return frozenset(found)

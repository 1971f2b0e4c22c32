"""Of every key of the Compose Specification an example, for the proof that writing it changes something."""

from __future__ import annotations

SHELLS = {
    "(top level)": "services: {web: {image: nginx, networks: [N], secrets: [S], configs: [C], volumes: ['V:/v']}}\n"
    "networks: {N: }\nvolumes: {V: }\nsecrets: {S: {file: a.txt}}\nconfigs: {C: {file: a.txt}}\n@",
    "x-zpmd": "x-zpmd: {@}\nservices: {web: {image: nginx}}",
    "include[]": "include: [{@}]\nservices: {web: {image: nginx}}",
    "services.NAME": "services: {web: {image: nginx, @}, db: {image: nginx}}\n"
    "networks: {N: }\nvolumes: {V: }\nsecrets: {S: {file: a.txt}}\nconfigs: {C: {file: a.txt}}",
    "services.NAME.x-zpmd": "services: {web: {image: nginx, x-zpmd: {@}}}",
    "services.NAME.x-zpmd.schedule": "services: {web: {image: nginx, x-zpmd: {schedule: {every: 15m, @}}}}",
    "services.NAME.x-zpmd.schedule.history":
        "services: {web: {image: nginx, x-zpmd: {schedule: {every: 15m, history: {@}}}}}",
    "services.NAME.x-zpmd.watch": "services: {web: {image: nginx, x-zpmd: {watch: {@}}}}",
    "services.NAME.x-zpmd.ports":
        "services: {web: {image: nginx, x-zpmd: {for_each: active-integration, ports: {range: 9100-9199, @}}}}",
    "services.NAME.blkio_config": "services: {web: {image: nginx, blkio_config: {@}}}",
    "services.NAME.blkio_config.device_*[]":
        "services: {web: {image: nginx, blkio_config: {device_read_bps: [{path: /dev/a, rate: 1, @}]}}}",
    "services.NAME.blkio_config.weight_device[]":
        "services: {web: {image: nginx, blkio_config: {weight_device: [{path: /dev/a, weight: 10, @}]}}}",
    "services.NAME.build": "services: {web: {build: {@}}}",
    "services.NAME.configs[], secrets[]":
        "services: {web: {image: nginx, secrets: [{source: S, @}]}}\n"
        "secrets: {S: {file: a.txt}, S2: {file: a.txt}}",
    "services.NAME.depends_on.NAME":
        "services: {web: {image: nginx, depends_on: {db: {condition: service_started, @}}}, db: {image: nginx}}",
    "services.NAME.deploy": "services: {web: {image: nginx, deploy: {@}}}",
    "services.NAME.deploy.placement": "services: {web: {image: nginx, deploy: {placement: {@}}}}",
    "services.NAME.deploy.resources": "services: {web: {image: nginx, deploy: {resources: {@}}}}",
    "services.NAME.deploy.resources.limits": "services: {web: {image: nginx, deploy: {resources: {limits: {@}}}}}",
    "services.NAME.deploy.resources.reservations":
        "services: {web: {image: nginx, deploy: {resources: {reservations: {@}}}}}",
    "services.NAME.deploy.restart_policy": "services: {web: {image: nginx, deploy: {restart_policy: {@}}}}",
    "services.NAME.deploy.update_config, rollback_config":
        "services: {web: {image: nginx, deploy: {update_config: {@}}}}",
    "services.NAME.develop": "services: {web: {image: nginx, develop: {@}}}",
    "services.NAME.develop.watch[]":
        "services: {web: {image: nginx, develop: {watch: [{path: a.txt, action: restart, @}]}}}",
    "services.NAME.devices[]": "services: {web: {image: nginx, devices: [{source: /dev/a, @}]}}",
    "services.NAME.env_file[]": "services: {web: {image: nginx, env_file: [{path: a.env, @}]}}",
    "services.NAME.extends":
        "services: {web: {image: nginx, extends: {service: db, @}}, db: {image: x, user: u}, db2: {image: x}}",
    "services.NAME.gpus[], deploy.resources.reservations.devices[]": "services: {web: {image: nginx, gpus: [{@}]}}",
    "services.NAME.healthcheck": "services: {web: {image: nginx, healthcheck: {test: a, @}}}",
    "services.NAME.logging": "services: {web: {image: nginx, logging: {@}}}",
    "services.NAME.networks.NAME": "services: {web: {image: nginx, networks: {N: {@}}}}\nnetworks: {N: }",
    "services.NAME.ports[]": "services: {web: {image: nginx, ports: [{target: 80, @}]}}",
    "services.NAME.post_start[], pre_stop[]": "services: {web: {image: nginx, post_start: [{command: a, @}]}}",
    "services.NAME.ulimits.NAME": "services: {web: {image: nginx, ulimits: {nofile: {soft: 1, hard: 5, @}}}}",
    "services.NAME.volumes[]":
        "services: {web: {image: nginx, volumes: [{type: volume, target: /v, @}]}}\nvolumes: {V: }",
    "services.NAME.volumes[].bind":
        "services: {web: {image: nginx, volumes: [{type: bind, source: /s, target: /v, bind: {@}}]}}",
    "services.NAME.volumes[].tmpfs":
        "services: {web: {image: nginx, volumes: [{type: tmpfs, target: /v, tmpfs: {@}}]}}",
    "services.NAME.volumes[].volume":
        "services: {web: {image: nginx, volumes: [{type: volume, source: V, target: /v, volume: {@}}]}}\n"
        "volumes: {V: }",
    "networks.NAME": "services: {web: {image: nginx, networks: [N]}}\nnetworks: {N: {@}}",
    "networks.NAME.external": "services: {web: {image: nginx, networks: [N]}}\nnetworks: {N: {external: {@}}}",
    "networks.NAME.ipam": "services: {web: {image: nginx, networks: [N]}}\nnetworks: {N: {ipam: {@}}}",
    "networks.NAME.ipam.config[]":
        "services: {web: {image: nginx, networks: [N]}}\nnetworks: {N: {ipam: {config: [{@}]}}}",
    "volumes.NAME": "services: {web: {image: nginx, volumes: ['V:/v']}}\nvolumes: {V: {@}}",
    "volumes.NAME.external": "services: {web: {image: nginx, volumes: ['V:/v']}}\nvolumes: {V: {external: {@}}}",
    "configs.NAME": "services: {web: {image: nginx, configs: [C]}}\nconfigs: {C: {@}}",
    "secrets.NAME": "services: {web: {image: nginx, secrets: [S]}}\nsecrets: {S: {@}}",
}  # fmt: skip
"""A file around each section; `@` is where a key of it goes."""

VALUES = {
    "(top level)": "name=other include=[b.yaml] "
    "volumes={V: {driver: x}} secrets={S: {file: b.txt}} configs={C: {file: b.txt}} x-zpmd={group: batch}",
    "x-zpmd": "group=batch roles=[passive] required=false",
    "include[]": "path=b.yaml",
    "services.NAME": """
        annotations={a: b} blkio_config={weight: 20} cap_add=[NET_ADMIN] cap_drop=[ALL] cgroup=host
        cgroup_parent=x command=a configs=[C] container_name=ab cpu_count=1 cpu_percent=5 cpu_period=10ms cpu_quota=5
        cpu_rt_period=5 cpu_rt_runtime=5 cpu_shares=5 cpus=0.5 cpuset='0' depends_on=[db] deploy={replicas: 2}
        develop={watch: [{path: a.txt, action: restart}]} device_cgroup_rules=['c 1:3 mr'] devices=['/dev/a']
        dns=1.1.1.1 dns_opt=[a] dns_search=a domainname=a entrypoint=a env_file=a.env environment={A: b} expose=['80']
        external_links=[a] extra_hosts=['a=1.1.1.1'] gpus=all group_add=[a] healthcheck={test: a} hostname=a
        init=true ipc=host label_file=a.env labels={a: b} links=[db] logging={driver: none}
        mac_address='02:00:00:00:00:01' mem_limit=8m mem_reservation=8m mem_swappiness=0 memswap_limit=-1
        network_mode=host networks=[N] oom_kill_disable=true oom_score_adj=5 pid=host pids_limit=5 platform=linux/arm64
        ports=['80'] post_start=[{command: a}] pre_stop=[{command: a}] privileged=true profiles=[p] pull_policy=always
        read_only=true restart=on-failure runtime=runc scale=2 secrets=[S] security_opt=[a] shm_size=1m stdin_open=true
        stop_grace_period=5s stop_signal=SIGINT storage_opt={size: 1G} sysctls={a: 1} tmpfs=/a tty=true
        ulimits={nofile: 5} user=u userns_mode=host uts=host volumes=['V:/v'] volumes_from=[db] working_dir=/a
        x-zpmd={group: batch}
    """,
    "services.NAME.x-zpmd": "for_each=active-integration group=batch roles=[passive] required=false "
    "schedule='@hourly' watch={quiet: 5s}",
    "services.NAME.x-zpmd.schedule": "catch_up=all concurrency=replace cron='0 3 * * *' deadline=1h "
    "history={failed: 5} jitter=1m retries=3 retry_delay=1m retry_max_delay=1h suspend=true time_zone=Europe/Berlin "
    "timeout=1h",
    "services.NAME.x-zpmd.schedule.history": "failed=5 succeeded=5",
    "services.NAME.x-zpmd.watch": "at_most=5m quiet=5s",
    "services.NAME.blkio_config": "weight=20 weight_device=[{path: /a, weight: 20}] "
    + " ".join(f"device_{k}=[{{path: /a, rate: 1}}]" for k in ("read_bps", "read_iops", "write_bps", "write_iops")),
    "services.NAME.configs[], secrets[]": "target=t uid=5 gid=5 mode=0400",
    "services.NAME.depends_on.NAME": "restart=true ",
    "services.NAME.deploy": "replicas=2 resources={limits: {memory: 8m}} restart_policy={delay: 5s} "
    "rollback_config={delay: 5s} update_config={delay: 5s}",
    "services.NAME.deploy.resources": "limits={memory: 8m} reservations={memory: 8m}",
    "services.NAME.deploy.resources.limits": "cpus=0.5 memory=8m pids=5",
    "services.NAME.deploy.resources.reservations": "memory=8m devices=[{capabilities: [gpu]}]",
    "services.NAME.deploy.restart_policy": "condition=none delay=5s max_attempts=5 window=5s",
    "services.NAME.deploy.update_config, rollback_config":
        "delay=5s failure_action=pause max_failure_ratio=0.5 monitor=1s order=start-first parallelism=2",
    "services.NAME.develop": "watch=[{path: a.txt, action: restart}]",
    "services.NAME.develop.watch[]": "ignore=[x] include=[y]",
    "services.NAME.devices[]": "target=/dev/c permissions=r",
    "services.NAME.env_file[]": "format=raw",
    "services.NAME.extends": "file=b.yaml",
    "services.NAME.gpus[], deploy.resources.reservations.devices[]":
        "capabilities=[tpu] count=2 device_ids=[a] driver=d options={a: b}",
    "services.NAME.healthcheck": "disable=true interval=5s retries=5 start_period=5s timeout=5s",
    "services.NAME.logging": "driver=none options={a: b}",
    "services.NAME.networks.NAME": "aliases=[a] driver_opts={a: b} gw_priority=5 interface_name=e ipv4_address=1.1.1.1 "
    "ipv6_address='::1' link_local_ips=[1.1.1.1] mac_address=a priority=5",
    "services.NAME.ports[]": "app_protocol=a host_ip=1.1.1.1 mode=host name=n protocol=udp published=5 ",
    "services.NAME.post_start[], pre_stop[]": "environment={A: b} privileged=true user=u working_dir=/w",
    "services.NAME.volumes[]": "read_only=true source=V volume={nocopy: true}",
    "services.NAME.volumes[].bind": "create_host_path=false propagation=shared selinux=z",
    "services.NAME.volumes[].tmpfs": "mode=0700 size=1m",
    "services.NAME.volumes[].volume": "nocopy=true subpath=a",
    "networks.NAME": "attachable=true driver=d driver_opts={a: b} enable_ipv4=false enable_ipv6=true external=true "
    "internal=true ipam={driver: d} labels={a: b} name=n",
    "networks.NAME.external": "name=n",
    "networks.NAME.ipam": "config=[{subnet: s}] driver=d options={a: b}",
    "networks.NAME.ipam.config[]": "aux_addresses={a: b} gateway=g ip_range=r subnet=s",
    "volumes.NAME": "driver=d driver_opts={a: b} external=true labels={a: b} name=n",
    "volumes.NAME.external": "name=n",
    "configs.NAME": "content=c environment=E file=a.txt",
    "secrets.NAME": "environment=E file=a.txt",
}  # fmt: skip
"""Of each honoured key a value that is not its default."""

SWAPPED = {
    ("(top level)", "services"): ("web:", "other:"),
    ("(top level)", "networks"): ("N: }", "N: {driver: x}}"),
    ("(top level)", "volumes"): ("V: }", "V: {driver: x}}"),
    ("(top level)", "secrets"): ("secrets: {S: {file: a.txt}}", "secrets: {S: {file: b.txt}}"),
    ("(top level)", "configs"): ("configs: {C: {file: a.txt}}", "configs: {C: {file: b.txt}}"),
    ("services.NAME", "image"): ("image: nginx}, db", "image: other}, db"),
    ("services.NAME.blkio_config.device_*[]", "path"): ("/dev/a", "/dev/b"),
    ("services.NAME.blkio_config.device_*[]", "rate"): ("rate: 1", "rate: 2"),
    ("services.NAME.blkio_config.weight_device[]", "path"): ("/dev/a", "/dev/b"),
    ("services.NAME.blkio_config.weight_device[]", "weight"): ("weight: 10", "weight: 20"),
    ("services.NAME.configs[], secrets[]", "source"): ("source: S", "source: S2"),
    ("services.NAME.depends_on.NAME", "condition"): ("service_started", "service_healthy"),
    ("services.NAME.develop.watch[]", "path"): ("path: a.txt", "path: b.txt"),
    ("services.NAME.develop.watch[]", "action"): ("action: restart", "action: sync"),
    ("services.NAME.devices[]", "source"): ("/dev/a", "/dev/b"),
    ("services.NAME.env_file[]", "path"): ("a.env", "b.env"),
    ("services.NAME.extends", "service"): ("service: db", "service: db2"),
    ("services.NAME.healthcheck", "test"): ("test: a", "test: b"),
    ("services.NAME.ports[]", "target"): ("target: 80", "target: 81"),
    ("services.NAME.post_start[], pre_stop[]", "command"): ("command: a", "command: b"),
    ("services.NAME.ulimits.NAME", "soft"): ("soft: 1", "soft: 2"),
    ("services.NAME.ulimits.NAME", "hard"): ("hard: 5", "hard: 6"),
    ("services.NAME.x-zpmd.ports", "range"): ("9100-9199", "9200-9299"),
    ("services.NAME.x-zpmd.schedule", "every"): ("every: 15m", "every: 20m"),
    ("services.NAME.volumes[]", "type"): ("type: volume", "type: tmpfs"),
    ("services.NAME.volumes[]", "target"): ("target: /v", "target: /w"),
}
"""Keys that the shell has already: what of it to exchange for what."""

TEMPLATE = "services: {web: {image: nginx, x-zpmd: {for_each: active-integration, %s}}}"
PAIRS = {
    ("services.NAME.x-zpmd", "credentials"): (TEMPLATE % "credentials: environment", TEMPLATE % ""),
    ("services.NAME.x-zpmd", "only"): (TEMPLATE % "only: [splunk]", TEMPLATE % ""),
    ("services.NAME.x-zpmd", "ports"): (TEMPLATE % "ports: {range: 9100-9999}", TEMPLATE % ""),
    ("include[]", "env_file"): (
        "include: [{path: v.yaml, env_file: a.env}]",
        "include: [{path: v.yaml}]",
    ),
    ("include[]", "project_directory"): (
        "include: [{path: v.yaml, project_directory: sub}]",
        "include: [{path: v.yaml}]",
    ),
    ("services.NAME", "build"): ("services: {web: {build: .}}", "services: {web: {}}"),
    ("services.NAME", "extends"): (
        "services: {web: {extends: db}, db: {image: x}}",
        "services: {web: {}, db: {image: x}}",
    ),
    ("services.NAME", "isolation"): (
        "services: {web: {image: x, isolation: hyperv}}",
        "services: {web: {image: x, isolation: default}}",
    ),
    ("services.NAME", "pull_refresh_after"): (
        "services: {web: {image: x, pull_policy: refresh, pull_refresh_after: 5h}}",
        "services: {web: {image: x, pull_policy: refresh, pull_refresh_after: 6h}}",
    ),
    ("services.NAME.depends_on.NAME", "required"): (
        "services: {web: {image: x, depends_on: {no: {condition: service_started, required: false}}}}",
        "services: {web: {image: x, depends_on: {no: {condition: service_started}}}}",
    ),
    ("services.NAME.deploy", "mode"): (
        "services: {web: {image: x, deploy: {mode: global, replicas: 2}}}",
        "services: {web: {image: x, deploy: {replicas: 2}}}",
    ),
    ("services.NAME.env_file[]", "required"): (
        "services: {web: {image: x, env_file: [{path: no, required: false}]}}",
        "services: {web: {image: x, env_file: [{path: no}]}}",
    ),
    ("services.NAME.healthcheck", "start_interval"): (
        "services: {web: {image: x, healthcheck: {test: a, start_period: 9s, start_interval: 5s}}}",
        "services: {web: {image: x, healthcheck: {test: a, start_period: 9s}}}",
    ),
    ("services.NAME.volumes[]", "bind"): (
        "services: {web: {image: x, volumes: [{type: bind, source: /a, target: /v, bind: {selinux: z}}]}}",
        "services: {web: {image: x, volumes: [{type: bind, source: /a, target: /v}]}}",
    ),
    ("services.NAME.volumes[]", "tmpfs"): (
        "services: {web: {image: x, volumes: [{type: tmpfs, target: /v, tmpfs: {size: 5}}]}}",
        "services: {web: {image: x, volumes: [{type: tmpfs, target: /v}]}}",
    ),
}
"""Keys whose effect shows only beside others: a file with it, and one without."""

BESIDE = {
    "a.txt": "a",
    "b.txt": "b",
    "a.env": "A=1\nB='q'\n",
    "b.env": "C=3\n",
    "b.yaml": "services: {db: {image: y, tty: true}}",
    "v.yaml": "services: {w2: {image: '${A:-none}', volumes: ['./x:/x']}}",
}
"""The files that examples name."""

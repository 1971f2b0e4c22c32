"""The settings file: the annotated sample, with what was found in place of its defaults."""

from __future__ import annotations

from importlib.resources import files

PROJECT, ENGINE, URL = "#project: zpmd", "#engine:", "  #url: unix:///var/run/docker.sock"
SERVICES, DATA = "#services_dir: /etc/zpmd/services.d", "#data_dir: /etc/zpmd/data.d"


def sample() -> str:
    """The annotated sample, as etc/zpmd has it."""
    return files("zpmd.drafting").joinpath("zpmd.yaml").read_text(encoding="utf-8")


def filled(text: str, project: str = "", engine_url: str = "", *, folders_beside: bool = False) -> str:
    """The sample with these instead of its defaults; "" leaves a default. `folders_beside`: service and data files are
    in folders beside the settings, wherever these are."""
    changes = {PROJECT: f"project: {project}"} if project else {}
    if engine_url:
        changes |= {ENGINE: "engine:", URL: f'  url: "{engine_url}"'}
    if folders_beside:
        changes |= {SERVICES: "services_dir: services.d", DATA: "data_dir: data.d"}
    lines = text.splitlines()
    missing = [line for line in changes if line not in lines]
    if missing:
        raise ValueError(f"the sample has no line {missing[0]!r}")
    return "\n".join(changes.get(line, line) for line in lines) + "\n"

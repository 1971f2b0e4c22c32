"""Numbers that decisions are made by and that hold for the whole host, not for one service."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`fresh_after`: from this failure in a row a replica is replaced by a fresh one, and shown as a crash loop.

    `progress_deadline_seconds`: a new replica that is not ready by then has failed its rollout (Kubernetes'
    progressDeadlineSeconds, Nomad's progress_deadline: 600 s both). The removal guard holds one change that would
    remove more than `removal_percent` of the services and more than `removal_count` of them.
    """

    group_deadline_seconds: float = 300.0
    fresh_after: int = 3
    progress_deadline_seconds: float = 600.0
    removal_percent: int = 20
    removal_count: int = 2
    retry_delay_seconds: float = 1.0
    retry_max_seconds: float = 60.0
    actions_per_pass: int = 200
    runs_at_once: int = 10
    """How many runs of jobs there are on the host at the same time; the others wait for their turn."""
    patch_deadline_seconds: float = 600.0
    """For how long a service may go without progress under a patch."""
    patch_prepare_seconds: float = 600.0
    """For how long the images of a patch may take to come, before it is refused."""

"""What does a Celery worker do? It records a queued webhook, or makes a queued delivery.

Where the store is stands in `PEERS_STORE`. A task is acknowledged when it is done, so that a worker's death loses none;
events, results and chatter between workers are off, for nobody asked for them.
"""

import os
from functools import cache

import requests
from celery import Celery
from redis import Redis
from standardwebhooks import Webhook

from bench.installation import ENDPOINT_SECRET
from bench.peers import job
from bench.peers.signed import headers_for

URL = os.environ["PEERS_STORE"]

app = Celery("peers", broker=job.broker_of(URL))
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
)


@cache
def _redis() -> "Redis":
    """One connection for each worker process: opened after it was forked."""
    return Redis.from_url(URL)


@cache
def _session() -> requests.Session:
    return requests.Session()


def _record(content_type: str, body: str) -> None:
    function, count, words = job.call_for(job.believed(content_type, body.encode()))
    _redis().fcall(function, count, *words)


def _deliver(target: str, name: str, body: str) -> None:
    answer = _session().post(target, data=body.encode(), headers=headers_for(Webhook(ENDPOINT_SECRET), name, body))
    answer.raise_for_status()
    _redis().hset(job.DELIVERED, name, answer.status_code)


record = app.task(name="record")(_record)
deliver = app.task(name="deliver")(_deliver)

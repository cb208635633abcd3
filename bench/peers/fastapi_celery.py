"""FastAPI and Celery: a webhook is answered when its task is in the broker's queue; a worker records it afterwards.

python -m bench.peers.fastapi_celery PORT URL

The broker is the same store as everybody's.
"""

import os
import sys

from fastapi import FastAPI, Request, Response

from bench.peers import job
from bench.peers.fastapi_redis import serve


def build() -> FastAPI:
    from bench.peers.celery_tasks import record  # noqa: PLC0415 - it reads the environment

    async def hook(request: Request) -> Response:
        inbound = job.believed(request.headers["content-type"], await request.body())
        record.delay(inbound.content_type, inbound.body.decode())
        return Response()

    async def ready() -> Response:
        return Response()

    app = FastAPI()
    app.add_api_route(job.PATH, hook, methods=["POST"])
    app.add_api_route("/readyz", ready)
    return app


if __name__ == "__main__":
    os.environ["PEERS_STORE"] = sys.argv[2]
    serve(build(), int(sys.argv[1]))

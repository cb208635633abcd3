"""FastAPI and redis-py: a webhook is recorded by one awaited call of the store before it is answered.

python -m bench.peers.fastapi_redis PORT URL
"""

import sys

import uvicorn
from fastapi import FastAPI, Request, Response
from redis.asyncio import Redis

from bench.peers import job


def build(url: str) -> FastAPI:
    redis = Redis.from_url(url, max_connections=job.MOST_CONNECTIONS)

    async def hook(request: Request) -> Response:
        inbound = job.believed(request.headers["content-type"], await request.body())
        function, count, words = job.call_for(inbound)
        await redis.fcall(function, count, *words)
        return Response()

    async def ready() -> Response:
        return Response()

    app = FastAPI()
    app.add_api_route(job.PATH, hook, methods=["POST"])
    app.add_api_route("/readyz", ready)
    return app


def serve(app: FastAPI, port: int) -> None:
    """The fastest that it can be had."""
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning", backlog=1024)


if __name__ == "__main__":
    serve(build(sys.argv[2]), int(sys.argv[1]))

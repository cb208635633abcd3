"""How does the relay compare with what one would build for the same job from well-known parts, in the same run?

    python -m bench.peers [--requests 2000] [--rounds 3] [--connections 64 256]
    python -m bench.peers --dispatch [--deliveries 2000]

Webhooks: a bare aiohttp handler that does nothing; ours; FastAPI with one redis-py call for each request; FastAPI with
Celery; aiohttp with arq. All of them verify, read and judge by the same code and end in the same function call on the
same store, which fsyncs before each reply. Deliveries: Celery and arq take a queued notification, sign it, post it to
the same sink and write down, durably, that it is done. Each server and worker has core 0, in turns, round by round; the
load, the store and the sink share core 1.

CPU s and store s are seconds for 1,000; MB is the memory of server and worker; bytes is what the store's file grew by.
"""

import argparse
import os
import sys

from bench.installation import OTHER_CORE
from bench.peers import INSTALL, missing


def main() -> None:
    options = arguments()
    if missing():
        sys.exit(INSTALL)
    from bench.peers import intake, outgoing  # noqa: PLC0415 - they need the packages

    os.sched_setaffinity(0, {OTHER_CORE % (os.cpu_count() or 1)})
    if options.dispatch:
        outgoing.measure(options)
    else:
        intake.measure(options)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dispatch", action="store_true", help="deliveries instead of webhooks")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--deliveries", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--in-flight", type=int, default=64, help="deliveries at once, of all but Celery's four")
    parser.add_argument("--log", choices=["debug", "info", "warning"], default="warning")
    parser.add_argument("--port", type=int, default=18900)
    return parser.parse_args()


if __name__ == "__main__":
    main()

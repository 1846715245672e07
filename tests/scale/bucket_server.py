"""A bucket on the loopback, kept in memory: `python -m tests.scale.bucket_server NAME`."""

from __future__ import annotations

import logging
import sys
import threading
import urllib.request


def main(name: str) -> None:
    """Serve until killed; print the address once the bucket is there."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    with urllib.request.urlopen(urllib.request.Request(f"{url}/{name}", method="PUT")):
        print(url, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])

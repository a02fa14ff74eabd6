"""An API server in small: asks one of the usable upstreams, again and again. redis_port targets..."""
import sys
import threading
import time
import urllib.request
from pathlib import Path

import redis

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "deploy/readers/python"))
from sluice_flags import Flags  # noqa: E402

port, *targets = sys.argv[1:]
client = redis.Redis(port=int(port), socket_timeout=0.5, socket_connect_timeout=0.5)
flags = Flags(client, "auth", targets, key="auth_server:disabled:{target}", name="python", poll_s=0.2)
threading.Thread(target=flags.run, daemon=True).start()
while True:
    for target in flags.usable():
        urllib.request.urlopen(target + "/from-python", timeout=2).read()
    time.sleep(0.05)

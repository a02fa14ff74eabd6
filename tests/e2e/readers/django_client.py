"""The same through Django's cache framework. backend redis_port targets..."""
import sys
import time
import urllib.request
from pathlib import Path

import django
from django.conf import settings

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "deploy/readers/django"))
backend, port, *targets = sys.argv[1:]
settings.configure(CACHES={"default": {"BACKEND": backend, "LOCATION": f"redis://127.0.0.1:{port}/0"}})
django.setup()
from sluice_flags import Flags  # noqa: E402

flags = Flags(targets, ttl_s=3.0, poll_s=0.2)
while True:
    for target in flags.usable():
        urllib.request.urlopen(target + "/from-django", timeout=2).read()
    time.sleep(0.05)

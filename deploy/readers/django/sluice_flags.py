"""Which upstreams not to use, read through Django's cache framework. See docs/readers.md.

In sluice.yml, for a cache without KEY_PREFIX and with version 1:

    flag: {key: ":1:auth_server:disabled:{target}", value: "1", ttl: 30s}

Encoding raw suits both django_redis and Django's own RedisCache (4.0 and later): both read a plain integer as one.
With another value than an integer, take `encoding: pickle`.
"""
import time

from django.core.cache import caches


class Flags:
    def __init__(self, targets, key="auth_server:disabled:{target}", ttl_s=30.0, cache="default", poll_s=1.0):
        self.cache, self.ttl_s, self.poll_s = caches[cache], ttl_s, poll_s
        self.keys = {key.format(target=target): target for target in targets}
        self.disabled_until = dict.fromkeys(targets, 0.0)
        self.polled_at = float("-inf")

    def usable(self):
        """The targets that may be used; all of them when none may."""
        self.poll()
        now = time.monotonic()
        return [t for t, until in self.disabled_until.items() if until <= now] or list(self.disabled_until)

    def poll(self):
        now = time.monotonic()
        if now - self.polled_at < self.poll_s:
            return
        self.polled_at = now
        try:
            found = self.cache.get_many(self.keys)
        except Exception:  # each cache backend has its own errors; none may stop the service
            return  # what was known holds until its lease ends
        for key, target in self.keys.items():
            # The framework does not tell how long a key lives: at most a TTL from now.
            self.disabled_until[target] = now + self.ttl_s if found.get(key) else 0.0

"""Which upstreams not to use, by the flags that Sluice keeps in Redis. Needs redis-py. See docs/readers.md.

    flags = Flags(redis.Redis(...), pool="auth", targets=["https://auth1", "https://auth2"])
    threading.Thread(target=flags.run, daemon=True).start()
    ...
    server = random.choice(flags.usable())
"""
import threading
import time

import redis


class Flags:
    def __init__(self, client, pool, targets, key="{pool}:disabled:{target}", name=None, prefix="sluice", poll_s=1.0, ttl_s=30.0):
        self.client, self.pool, self.targets, self.name, self.poll_s = client, pool, list(targets), name, poll_s
        self.ttl_s = ttl_s  # of a flag that has none, because somebody set it by hand
        self.keys = [key.format(pool=pool, target=target) for target in self.targets]
        self.epoch_key, self.readers_key = (f"{prefix}:{{{pool}}}:{what}" for what in ("epoch", "readers"))
        self.disabled_until = dict.fromkeys(self.targets, 0.0)  # by our own monotonic clock
        self.polls = 0
        self.stopped = threading.Event()

    def usable(self):
        """The targets that may be used; all of them when none may: a wrong flag must not stop the service."""
        now = time.monotonic()
        return [t for t in self.targets if self.disabled_until[t] <= now] or list(self.targets)

    def poll(self):
        """Looks once. When Redis cannot be read, what was known holds until its lease ends, and then no longer."""
        asked = time.monotonic()
        try:
            with self.client.pipeline(transaction=False) as pipe:
                pipe.get(self.epoch_key)
                for key in self.keys:
                    pipe.pttl(key)
                epoch, *left_ms = pipe.execute()
                for target, left in zip(self.targets, left_ms):  # -1: it does not expire; -2: there is none
                    left_s = self.ttl_s if left == -1 else max(left, 0) / 1000
                    self.disabled_until[target] = asked + left_s if left_s else 0.0
                self.polls += 1
                if self.name:  # acknowledge: the epoch we act on, and something that changes
                    self.client.hset(self.readers_key, self.name, f"{int(epoch or 0)} {self.polls}")
        except (redis.RedisError, OSError, ValueError):
            pass

    def run(self):
        while not self.stopped.wait(self.poll_s):
            self.poll()
        self.leave()

    def leave(self):
        """Nobody need wait for us any more."""
        if self.name:
            try:
                self.client.hdel(self.readers_key, self.name)
            except (redis.RedisError, OSError):
                pass

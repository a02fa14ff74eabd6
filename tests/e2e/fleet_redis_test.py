#!/usr/bin/python3
"""A fleet on the Redis set-ups that people run: Sentinel, Cluster, TLS with an ACL user; killed and failed over under way.

    SLUICE=build/release/sluice tests/e2e/fleet_redis_test.py [-v] [SentinelTest.test_...]
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import redis  # noqa: E402
from fleet import FleetCase, FlagWatch, Redis, main, see  # noqa: E402

BUDGET = 2  # half of four


def most_flags(servers, pattern):
    """Of every server that calls itself a primary: the readers of any of them."""
    most = []
    for server in servers:
        try:
            found = server.client.keys(pattern) if server.client.info("replication")["role"] == "master" else []
        except redis.RedisError:
            continue
        most = max(most, found, key=len)
    return most


class SentinelTest(FleetCase):
    """A primary, a replica and three sentinels."""
    OPTIONS = {"redis_server": False}

    @classmethod
    def setUpClass(cls):
        if shutil.which("redis-sentinel") is None:
            raise unittest.SkipTest("skipped: redis-sentinel is not installed")
        super().setUpClass()
        cls.servers, cls.sentinels = [], []
        cls.addClassCleanup(lambda: [server.close() for server in [*cls.sentinels, *cls.servers]])
        first = Redis(cls.fleet.network).wait()
        cls.servers.append(first)
        cls.servers.append(Redis(cls.fleet.network, f"replicaof {first.host} {first.port}").wait())
        cls.sentinels = [Redis(cls.fleet.network, f"sentinel monitor flags {first.host} {first.port} 2",
                               "sentinel down-after-milliseconds flags 500", "sentinel failover-timeout flags 3000",
                               "requirepass watchers", "sentinel sentinel-pass watchers", sentinel=True).wait() for _ in range(3)]
        for sentinel in cls.sentinels:
            sentinel.client = redis.Redis(sentinel.host, sentinel.port, password="watchers", decode_responses=True, socket_timeout=5)
        see("the sentinels know each other and the replica", lambda: all(
            s.client.sentinel_master("flags")["num-other-sentinels"] == 2 and s.client.sentinel_master("flags")["num-slaves"] == 1
            for s in cls.sentinels))

    def setUp(self):
        super().setUp()
        see("there is a primary with a replica", self.settled)
        self.primary().client.flushall()
        self.addCleanup(self.revive)
        names = ", ".join(f'"{sentinel.address}"' for sentinel in self.sentinels)
        self.where = f"{{sentinels: [{names}], master_name: flags, sentinel_password: watchers, timeout: 500ms}}"

    def revive(self):
        for server in self.servers:
            if server.process.poll() is not None:
                server.start()
            else:
                server.signal(signal.SIGCONT)

    def named(self):
        return tuple(self.sentinels[0].client.sentinel_get_master_addr_by_name("flags"))

    def primary(self):
        return next(server for server in self.servers if (server.host, server.port) == self.named())

    def settled(self):
        roles = sorted(server.client.info("replication")["role"] for server in self.servers)
        replica = self.sentinels[0].client.sentinel_slaves("flags")
        return roles == ["master", "slave"] and self.primary().client.info("replication")["connected_slaves"] == 1 and \
            not any(one["is_sdown"] or one["is_disconnected"] for one in replica)

    def flags(self):
        return most_flags(self.servers, "disabled:*")

    def flag(self, target):
        return self.primary().client.get(f"disabled:{target.url}")

    def test_a_dead_primary_is_followed_by_its_replica_and_the_fleet_goes_on(self):
        agents = self.fleet.start_all(redis=self.where)
        self.fleet.targets[0].kill()
        see("the flag", lambda: self.flag(self.fleet.targets[0]))
        old = self.primary()
        with FlagWatch(self.flags) as watch:
            began = time.monotonic()
            old.kill()
            self.fleet.targets[1].kill()
            see("another primary", lambda: self.named() != (old.host, old.port))
            elected = time.monotonic()
            see("the agents find it and go on deciding", lambda: self.flag(self.fleet.targets[1]))
            print(f"\n  a new primary {elected - began:.1f} s after the death of the old one, the next decision "
                  f"{time.monotonic() - elected:.1f} s later", flush=True)
            self.fleet.targets[2].kill()
            see("the third is down", lambda: agents[0].metric("sluice_target_health", self.fleet.targets[2].url) == 0)
            see("and held", lambda: any(name.startswith("sluice_upstream_holds_total") for name in agents[0].metrics()))
        self.assertLessEqual(watch.most, BUDGET)

    def test_fail_overs_in_the_middle_of_decisions_never_exceed_the_budget(self):
        agents = self.fleet.start_all(redis=self.where)
        with FlagWatch(self.flags) as watch:
            for target in self.fleet.targets:
                old = self.named()
                self.sentinels[0].client.execute_command("SENTINEL", "FAILOVER", "flags")
                target.kill()
                see("the fail-over", lambda: self.named() != old)
                see("a replica again", self.settled)
            # The freeze may hold all of them in when they die one upon the other; it may never exceed the budget.
            see("all are seen down", lambda: all(agents[0].metric("sluice_target_health", target.url) == 0 for target in self.fleet.targets))
        print(f"\n  at most {watch.most} of 4 disabled over 4 fail-overs, in {watch.looks} looks", flush=True)
        self.assertLessEqual(watch.most, BUDGET)

    def test_a_primary_that_hangs_is_left(self):
        agents = self.fleet.start_all(redis=self.where)
        old = self.primary()
        old.signal(signal.SIGSTOP)
        see("another primary", lambda: self.named() != (old.host, old.port))
        see("the agents are there", lambda: all(agent.metric("sluice_redis_connected") == 1 for agent in agents))
        self.fleet.targets[0].kill()
        see("and decide", lambda: self.flag(self.fleet.targets[0]))
        old.signal(signal.SIGCONT)
        see("the old one is a replica", self.settled)
        self.assertTrue(self.flag(self.fleet.targets[0]))


class ClusterTest(FleetCase):
    """Three primaries of a cluster, and a replica of each."""
    OPTIONS = {"redis_server": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nodes = [Redis(cls.fleet.network, "cluster-enabled yes", "cluster-node-timeout 1000",
                           "cluster-replica-validity-factor 0").wait() for _ in range(6)]
        cls.addClassCleanup(lambda: [node.close() for node in cls.nodes])
        subprocess.run(["redis-cli", "--cluster", "create", *[node.address for node in cls.nodes], "--cluster-replicas", "1", "--cluster-yes"],
                       check=True, capture_output=True)

    def setUp(self):
        super().setUp()
        see("the cluster is whole", self.whole)
        for node in self.primaries():
            node.client.flushall()
        self.slot = self.nodes[0].client.cluster("keyslot", "sluice:{api}:record")

    def whole(self):
        states = [(node.client.cluster("info")["cluster_state"], node.client.info("replication")) for node in self.nodes]
        return all(state == "ok" for state, _ in states) and sum(info["role"] == "master" for _, info in states) == 3 \
            and all(info["role"] == "master" or info["master_link_status"] == "up" for _, info in states)

    def primaries(self):
        return [node for node in self.nodes if node.process.poll() is None and node.client.info("replication")["role"] == "master"]

    def owner(self):
        living = next(node for node in self.nodes if node.process.poll() is None)
        for first, last, address in ((a, b, n[0]) for a, b, *n in living.client.execute_command("CLUSTER", "SLOTS")):
            if first <= self.slot <= last:
                return next(node for node in self.nodes if [node.host, node.port] == address[:2])
        raise AssertionError("nobody has the slot")

    def flags(self):
        return most_flags(self.nodes, "{api}:disabled:*")

    def flag(self, target):
        return self.owner().client.get(f"{{api}}:disabled:{target.url}")

    def start(self, **changes):
        names = ", ".join(f'"{node.address}"' for node in self.nodes)
        return self.fleet.start_all(**dict({"redis": f"{{cluster_nodes: [{names}], timeout: 500ms}}",
                                            "key": "{{api}}:disabled:{target}"}, **changes))

    def test_a_fleet_decides_in_its_pools_slot_wherever_that_goes(self):
        agents = self.start()
        target = self.fleet.targets[0]
        target.kill()
        see("the flag", lambda: self.flag(target))
        old = self.owner()
        new = next(node for node in self.primaries() if node is not old)
        ids = {node: node.client.cluster("myid") for node in self.nodes}
        new.client.execute_command("CLUSTER", "SETSLOT", self.slot, "IMPORTING", ids[old])
        old.client.execute_command("CLUSTER", "SETSLOT", self.slot, "MIGRATING", ids[new])
        while keys := old.client.execute_command("CLUSTER", "GETKEYSINSLOT", self.slot, 100):
            for key in keys:
                old.client.execute_command("MIGRATE", new.host, new.port, key, 0, 1000)
        for node in self.primaries():
            node.client.execute_command("CLUSTER", "SETSLOT", self.slot, "NODE", ids[new])
        see("the cluster agrees", lambda: self.owner() is new)
        self.assertTrue(self.flag(target), "the flag came along")
        target.revive()
        see("decided at the new place", lambda: not self.flag(target))
        self.assertEqual([agent.metric("sluice_redis_connected") for agent in agents], [1, 1, 1])

    def test_a_dead_primary_is_followed_by_its_replica_and_the_fleet_goes_on(self):
        agents = self.start()
        targets = self.fleet.targets
        targets[0].kill()
        see("the flag", lambda: self.flag(targets[0]))
        old = self.owner()
        self.addCleanup(old.start)
        with FlagWatch(self.flags) as watch:
            began = time.monotonic()
            old.kill()
            targets[1].kill()
            see("its replica is a primary", lambda: self.owner() is not old)
            elected = time.monotonic()
            see("the agents find it and go on deciding", lambda: self.flag(targets[1]))
            print(f"\n  a new primary {elected - began:.1f} s after the death of the old one, the next decision "
                  f"{time.monotonic() - elected:.1f} s later", flush=True)
            targets[2].kill()
            see("the third is down", lambda: agents[0].metric("sluice_target_health", targets[2].url) == 0)
            see("and held", lambda: any(name.startswith("sluice_upstream_holds_total") for name in agents[0].metrics()))
        self.assertLessEqual(watch.most, BUDGET)

    def test_one_server_as_an_ordinary_url_leads_to_all(self):
        other = next(node for node in self.primaries() if node is not self.owner())
        self.start(redis=f'{{url: "redis://{other.address}", timeout: 500ms}}')
        self.fleet.targets[1].kill()
        see("the flag", lambda: self.flag(self.fleet.targets[1]))

    def test_a_plain_key_is_refused_with_advice(self):
        with self.assertRaisesRegex(AssertionError, r"\{\{api\}\}:disabled:\{target\}"):
            self.start(key="disabled:{target}")
        agent = self.fleet.start(1, redis=f'{{url: "redis://{self.nodes[0].address}", timeout: 500ms}}', key="disabled:{target}")
        see("everything is up", lambda: agent.metric("sluice_target_health", self.fleet.targets[0].url) == 1)
        self.fleet.targets[0].kill()
        see("a cluster behind an ordinary URL refuses it, too", lambda: "{{api}}:disabled:{target}" in agent.log())


class SecuredTest(FleetCase):
    """TLS, and a user who may do only what an agent does."""
    OPTIONS = {"redis_server": False}

    def test_tls_and_a_user_with_few_rights_suffice(self):
        folder = tempfile.mkdtemp(prefix="sluice-tls-")
        self.addCleanup(shutil.rmtree, folder)
        path = lambda name: os.path.join(folder, name)  # noqa: E731
        fleet = self.fleet
        host = fleet.network.service()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=redis", "-addext", f"subjectAltName=IP:{host}", "-keyout", path("key"), "-out", path("cert")],
                       check=True, capture_output=True)
        with open(path("password"), "w", encoding="utf-8") as file:
            file.write("secret\n")
        rules = "~sluice:* ~disabled:* &sluice:* +@read +@write +@transaction +@connection +time +role +publish +subscribe"
        server = Redis(fleet.network, f"user agent on >secret {rules}", "user default on nopass ~* &* +@all", host=host)
        self.addCleanup(server.close)
        server.wait()
        tls_port = server.port + 1
        for name, value in (("tls-cert-file", path("cert")), ("tls-key-file", path("key")), ("tls-ca-cert-file", path("cert")),
                            ("tls-auth-clients", "no"), ("tls-port", tls_port)):
            server.client.config_set(name, value)
        where = (f'{{url: "rediss://{host}:{tls_port}/0", username: agent, password_file: "{path("password")}", '
                 f'tls_config: {{ca_file: "{path("cert")}"}}, timeout: 1s}}')
        agents = fleet.start_all(redis=where)
        fleet.targets[0].kill()
        see("the flag", lambda: server.client.get(f"disabled:{fleet.targets[0].url}"))
        server.client.client_kill_filter(_type="normal", skipme=True)
        server.client.connection_pool.disconnect()
        fleet.targets[0].revive()
        see("all come back after their connections were killed", lambda: not server.client.get(f"disabled:{fleet.targets[0].url}"))
        for agent in agents:
            self.assertNotIn("NOPERM", agent.log())


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Alerts and the sharing out of work across a fleet: told once, by whoever is left, and probed by as many as it takes.

    SLUICE=build/release/sluice tests/e2e/fleet_alerts_test.py [-v] [FleetAlertsTest.test_...]
"""
import json
import os
import sys
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fleet import CONFIG, FleetCase, can_have_another_clock, main, see  # noqa: E402
from harness import request  # noqa: E402



class FleetAlertsTest(FleetCase):
    def setUp(self):
        super().setUp()
        self.receiver = self.fleet.receiver

    def holder(self):
        name = see("somebody holds the lease", lambda: self.redis.get("sluice:{fleet}:lease"))
        return next(agent for agent in self.fleet.agents.values() if f"agent-{agent.number}" == name)

    def start_all(self, **changes):
        agents = self.fleet.start_all(**changes)
        holder = self.holder()
        see("one tells, the others stand by", lambda: [agent.metric("sluice_notifier_role", 'role="holder"') for agent in agents
                                                      if agent is holder] == [1]
            and all(agent.metric("sluice_notifier_role", 'role="standby"') == 1 for agent in agents if agent is not holder))
        return agents

    def triggers(self, target, action="trigger"):
        return [m for m in self.receiver.messages("/pagerduty", target.url) if m[2]["event_action"] == action]

    def slack(self, target, word):
        return [m for m in self.receiver.messages("/slack", target.url) if word in json.dumps(m[2]).lower()]

    def all_fire(self, target):
        """Every agent shows the alert, so that whoever would tell has had the chance."""
        for agent in self.fleet.agents.values():
            if not agent.ended():
                see("the alert fires everywhere", lambda: target.url in request(agent.url + "/api/v2/alerts")[1])

    def settled(self, rounds=3):
        """Waits until everybody has looked at Redis again, several times."""
        for _ in range(rounds):
            before = dict(self.redis.zrange("sluice:{fleet}:agents", 0, -1, withscores=True))
            living = [f"agent-{agent.number}" for agent in self.fleet.agents.values() if not agent.ended()]
            see("a round", lambda: all(dict(self.redis.zrange("sluice:{fleet}:agents", 0, -1, withscores=True))[name] != before.get(name)
                                       for name in living))

    # Told once -------------------------------------------------------------------------------------------------------

    def test_who_comes_back_does_not_tell_what_is_over_by_now(self):
        self.start_all()
        self.one_tells_the_beginning_and_another_the_end()

    @unittest.skipUnless(can_have_another_clock(), "skipped: libfaketime is not installed, or does not go with this binary")
    def test_clocks_that_are_minutes_apart_change_nothing(self):
        agents = self.start_all(clocks=(170, 0, -170))
        apart = [float(request(agent.url + "/api/v1/query?query=time()")[1].split('"')[-2]) - time.time() for agent in agents]
        self.assertEqual([round(seconds / 10) for seconds in apart], [17, 0, -17], "the agents do have other clocks")
        self.one_tells_the_beginning_and_another_the_end()

    def one_tells_the_beginning_and_another_the_end(self):
        dead = self.fleet.targets[0]
        dead.kill()
        self.all_fire(dead)
        see("the flag", lambda: self.fleet.flag(dead))
        self.settled()
        self.assertEqual(len(self.triggers(dead)), 1, "told once")
        holder = self.holder()
        holder.kill()
        see("another one tells", lambda: self.redis.get("sluice:{fleet}:lease") not in (None, f"agent-{holder.number}"))
        dead.revive()
        see("its end is told", lambda: self.triggers(dead, "resolve"))
        see("the flag is gone", lambda: not self.fleet.flag(dead))
        holder.start()
        self.settled()
        self.assertEqual((len(self.triggers(dead)), len(self.triggers(dead, "resolve"))), (1, 1), "once each")

    def test_what_three_agents_see_is_told_once_and_resolved_once(self):
        self.start_all()
        dead = self.fleet.targets[0]
        dead.kill()
        see("it is told", lambda: self.triggers(dead) and self.slack(dead, "firing"))
        self.all_fire(dead)
        self.settled()
        self.assertEqual((len(self.triggers(dead)), len(self.slack(dead, "firing"))), (1, 1))
        dead.revive()
        see("and its end", lambda: self.triggers(dead, "resolve") and self.slack(dead, "resolved"))
        self.settled()
        self.assertEqual((len(self.triggers(dead, "resolve")), len(self.slack(dead, "resolved"))), (1, 1))

    def test_what_only_one_agent_sees_is_told_by_the_one_that_tells(self):
        agents = self.start_all()
        holder = self.holder()
        other = next(agent for agent in agents if agent is not holder)
        far = self.fleet.targets[2]
        self.fleet.network.cut(other.number, far.host)
        see("it is told", lambda: self.triggers(far))
        self.assertEqual(self.triggers(far)[0][1], holder.address)
        self.fleet.network.heal()
        see("and its end", lambda: self.triggers(far, "resolve"))

    def test_when_the_one_that_tells_is_killed_another_goes_on_where_it_was(self):
        self.start_all()
        first, second = self.fleet.targets[:2]
        first.kill()
        see("it is told", lambda: self.triggers(first))
        see("and written down for the others", lambda: self.redis.hlen("sluice:{fleet}:told") >= 2)
        self.all_fire(first)
        self.settled()  # what Redis has by now says not only that it was due, but that it was told
        holder = self.holder()
        holder.kill()
        began = time.monotonic()
        second.kill()
        see("another one tells", lambda: self.redis.get("sluice:{fleet}:lease") not in (None, f"agent-{holder.number}"))
        took = time.monotonic() - began
        print(f"\n  the lease is taken over {took:.1f} s after kill -9", flush=True)
        self.assertLess(took, 10)
        see("the next alert is told", lambda: self.triggers(second))
        first.revive()
        see("the end of the first is told by the successor", lambda: self.triggers(first, "resolve"))
        self.settled()
        self.assertEqual(len(self.triggers(first)), 1, "nobody was told twice")
        self.assertEqual(len(self.triggers(second)), 1)
        self.assertEqual(len(self.slack(first, "firing")), 1)

    def test_an_agent_that_stops_hands_the_lease_on(self):
        self.start_all()
        holder = self.holder()
        holder.stop()
        began = time.monotonic()
        see("another holds it", lambda: self.redis.get("sluice:{fleet}:lease") not in (None, f"agent-{holder.number}"))
        self.assertLess(time.monotonic() - began, 5)

    def test_what_redis_lost_while_all_who_knew_it_were_dead_is_told_to_be_over(self):
        knowing = [self.fleet.start(number) for number in (1, 2)]
        dead = self.fleet.targets[0]
        dead.kill()
        see("it is told", lambda: self.triggers(dead))
        self.all_fire(dead)
        self.settled()
        for agent in knowing:
            agent.kill()
        self.redis.flushall()
        dead.revive()
        stranger = self.fleet.start(3)
        see("one tells that knows nothing of it", lambda: self.redis.get("sluice:{fleet}:lease") == "agent-3")
        self.assertEqual(self.triggers(dead, "resolve"), [])
        knowing[1].start()
        see("its end is told", lambda: self.triggers(dead, "resolve"))
        self.assertEqual(self.triggers(dead, "resolve")[0][1], stranger.address)
        self.assertEqual(len(self.triggers(dead)), 1)

    def test_a_silence_holds_everywhere(self):
        agents = self.start_all()
        target = self.fleet.targets[1]
        speaker = next(agent for agent in agents if agent is not self.holder())
        now = time.time()
        moment = lambda at: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))  # noqa: E731
        body = {"matchers": [{"name": "instance", "value": target.url, "isRegex": False, "isEqual": True}], "createdBy": "ann",
                "comment": "rollout", "startsAt": moment(now - 60), "endsAt": moment(now + 3600)}
        status, text = request(speaker.url + "/api/v2/silences", "POST", json.dumps(body), {"Content-Type": "application/json"})
        self.assertEqual(status, 200, text)
        silence = json.loads(text)["silenceID"]
        for agent in agents:
            see("every agent knows it", lambda: silence in request(agent.url + "/api/v2/silences")[1])
        target.kill()
        self.all_fire(target)
        self.fleet.targets[2].kill()
        see("what is not silenced is told", lambda: self.triggers(self.fleet.targets[2]))
        self.settled()
        self.assertEqual(self.triggers(target), [])
        request(agents[0].url + "/api/v2/silence/" + silence, "DELETE")
        see("ended at another agent it is over", lambda: self.triggers(target))

    def test_without_redis_people_are_told_in_time_and_by_each_at_most_once(self):
        agents = self.start_all()
        self.addCleanup(lambda: self.fleet.redis.wait())
        self.addCleanup(self.fleet.redis.start)
        self.fleet.redis.kill()
        target = self.fleet.targets[3]
        target.kill()
        began = time.monotonic()
        see("it is told", lambda: self.triggers(target))
        print(f"\n  without Redis told {time.monotonic() - began:.1f} s after the death", flush=True)
        see("all are alone", lambda: all(agent.metric("sluice_notifier_role", 'role="alone"') == 1 for agent in agents))
        see("each tells", lambda: len(self.triggers(target)) == len(agents))
        self.assertEqual(len({m[2]["dedup_key"] for m in self.triggers(target)}), 1, "one incident for PagerDuty")
        see("each tells Slack, too", lambda: len(self.slack(target, "firing")) == len(agents))

    # Shared out ------------------------------------------------------------------------------------------------------

    def probing(self, target):
        """The agents that probe a target, by what they show."""
        return {number for number, agent in self.fleet.agents.items()
                if not agent.ended() and agent.metric("probe_success", target.url) is not None}

    def test_each_target_is_probed_by_as_many_as_it_takes_and_taken_over(self):
        agents = [self.fleet.start(number, vantages=2) for number in (1, 2, 3)]
        targets = self.fleet.targets
        see("two agents probe each", lambda: all(len(self.probing(target)) == 2 for target in targets))
        see("each is left to others by one of three", lambda: sum(
            agent.metric("sluice_probe_targets_unassigned") for agent in agents) == len(targets))
        for target in targets:
            for agent in agents:
                see("all know what the fleet thinks", lambda: agent.metric("sluice_upstream_up", target.url) == 1)
        targets[0].kill()
        see("two votes of two are enough", lambda: self.fleet.flag(targets[0]))
        targets[0].revive()
        see("the flag is gone", lambda: not self.fleet.flag(targets[0]))
        gone = agents[2]
        gone.kill()
        see("the others take over", lambda: all(self.probing(target) == {1, 2} for target in targets))
        targets[1].kill()
        see("and decide", lambda: self.fleet.flag(targets[1]))

    def test_a_target_gets_no_more_probes_from_the_whole_fleet_than_it_may(self):
        per_second = 1
        self.fleet.start_all(probes=per_second, votes=1)
        targets = self.fleet.targets
        see("one agent probes each", lambda: all(len(self.probing(target)) == 1 for target in targets))
        targets[0].status = 503  # in doubt and down, three agents would probe it 15 times a second
        for target in targets:
            target.requests.clear()
        see("probes of each", lambda: all(len(target.requests) > 10 for target in targets))
        for target in targets:
            first, last = target.requests[0][0], target.requests[10][0]
            self.assertGreaterEqual(last - first, 10 / per_second * 0.9)
            self.assertEqual(len({client for _, client, _, _ in target.requests}), 1, "by one of the three")
        see("one vote of one is enough", lambda: self.fleet.flag(targets[0]))

    def test_a_server_s_statistics_are_read_by_one_agent_and_by_another_when_it_dies(self):
        config = CONFIG.replace("probes:\n", """modules:
  store: {prober: redis, redis: {statistics: true}}
probes:
  - job_name: store
    module: store
    static_configs: [{targets: ["redis://%(store)s"]}]
""")
        agents = self.fleet.start_all(config=config, store=self.fleet.redis.address)

        def showing(name):
            return {agent.number for agent in agents if not agent.ended() and agent.metric(name, self.fleet.redis.address) is not None}
        see("all probe it", lambda: showing("probe_success") == {1, 2, 3})
        see("and one reads its statistics", lambda: len(showing("redis_memory_used_bytes")) == 1)
        reader = self.fleet.agents[min(showing("redis_memory_used_bytes"))]
        reader.kill()
        began = time.monotonic()
        see("another one does", lambda: len(showing("redis_memory_used_bytes")) == 1)
        print(f"\n  taken over {time.monotonic() - began:.1f} s after kill -9", flush=True)

    def test_the_verdict_of_the_fleet_can_be_asked_for_on_every_agent(self):
        agents = self.start_all(vantages=1)
        target = self.fleet.targets[0]
        for agent in agents:
            for query in (f'sluice_upstream_up{{pool="api",instance="{target.url}"}} == 1',
                          f'sluice_upstream_votes{{pool="api",instance="{target.url}",state="up"}} == 1'):
                see(query, lambda: json.loads(request(
                    agent.url + "/api/v1/query?query=" + urllib.parse.quote(query))[1])["data"]["result"])


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Several agents, one Redis, and the network between them: what the gate promises for a fleet.

    SLUICE=build/release/sluice tests/e2e/fleet_test.py [-v] [FleetTest.test_...]
"""
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fleet import CONFIG, FleetCase, FlagWatch, main, see  # noqa: E402
from harness import request  # noqa: E402

INTERVAL, FAST, TIMEOUT, FALL = 1, 0.2, 1, 2
# From the failure to the last of `fall` bad probes, each of which may take its timeout; then 2 s for votes and decision.
DISABLED_WITHIN = INTERVAL + TIMEOUT + (FALL - 1) * (FAST + TIMEOUT) + 2


class FleetTest(FleetCase):
    def turns(self, count=3):
        """Waits until every agent has had so many more turns: what was going to be decided has been."""
        def votes():
            return {agent.number: self.redis.hget("sluice:{api}:votes", f"agent-{agent.number}") for agent in self.fleet.agents.values()}
        for _ in range(count):
            before = votes()
            see("every agent has voted again", lambda: all(new != before[number] for number, new in votes().items()))

    def changes(self):
        return [(line["action"], line["target"]) for line in self.fleet.log() if line["action"] != "lapse"]

    # What a majority sees --------------------------------------------------------------------------------------------

    def test_what_all_see_is_disabled_once_in_time_and_enabled_again(self):
        agents = self.fleet.start_all()
        dead = self.fleet.targets[0]
        began = time.monotonic()
        dead.kill()
        see("the flag", lambda: self.fleet.flag(dead))
        took = time.monotonic() - began
        print(f"\n  disabled {took:.2f} s after the death; allowed {DISABLED_WITHIN:.2f} s", flush=True)
        self.assertLess(took, DISABLED_WITHIN)
        for agent in agents:
            see("every agent shows it", lambda: agent.metric("sluice_upstream_disabled", dead.url) == 1)
        dead.revive()
        see("the flag is gone", lambda: not self.fleet.flag(dead))
        self.turns()
        self.assertEqual(self.changes(), [("enable", dead.url), ("disable", dead.url)], "one decision each, by whomever")

    def test_one_agent_that_is_cut_off_from_what_it_watches_changes_nothing(self):
        agents = self.fleet.start_all(packs="sluice")
        for target in self.fleet.targets:
            self.fleet.network.cut(3, target.host)
        see("it sees everything down", lambda: all(
            agents[2].metric("sluice_target_health", target.url) == 0 for target in self.fleet.targets))
        self.turns()
        self.assertEqual((self.fleet.flags(), self.changes()), ([], []))
        self.assertEqual(agents[0].metric("sluice_upstream_up", self.fleet.targets[0].url), 1)
        # It is the one that is reported, and its votes are in none of the numbers.
        see("it is called sick", lambda: agents[0].metric("sluice_agent_sick", 'agent="agent-3"') == 1)
        see("the shipped rules are about to tell people", lambda: any(
            alert["labels"]["alertname"] == "SluiceAgentSick" and alert["labels"]["agent"] == "agent-3"
            for alert in json.loads(request(agents[0].url + "/api/v1/alerts")[1])["data"]["alerts"]))
        votes = {state: agents[0].metric("sluice_upstream_votes", self.fleet.targets[0].url, f'state="{state}"') for state in ("up", "down")}
        self.assertEqual(votes, {"up": 2, "down": 0})

    def test_a_majority_that_sees_a_failure_disables_against_the_rest(self):
        agents = self.fleet.start_all()
        far = self.fleet.targets[1]
        began = time.monotonic()
        for number in (1, 2):
            self.fleet.network.cut(number, far.host)
        see("the flag", lambda: self.fleet.flag(far))
        took = time.monotonic() - began
        print(f"\n  disabled {took:.2f} s after two of three lost sight; allowed {DISABLED_WITHIN:.2f} s", flush=True)
        self.assertLess(took, DISABLED_WITHIN)
        self.assertEqual(agents[2].metric("sluice_target_health", far.url), 1, "the third still sees it")
        self.assertIn("2 of 3 fail", self.fleet.log()[0]["evidence"])
        self.fleet.network.heal()
        see("the flag is gone", lambda: not self.fleet.flag(far))

    # Cut off from Redis ----------------------------------------------------------------------------------------------

    def check_cut_from_redis(self, replies_only):
        agents = self.fleet.start_all()
        self.fleet.network.cut(3, self.fleet.redis.host, replies_only)
        see("it knows", lambda: agents[2].metric("sluice_redis_connected") == 0)
        self.fleet.targets[0].kill()
        see("the others go on without it", lambda: self.fleet.flag(self.fleet.targets[0]))
        see("and it goes on watching", lambda: agents[2].metric("sluice_target_health", self.fleet.targets[0].url) == 0)
        self.fleet.network.heal()
        see("it is back", lambda: agents[2].metric("sluice_redis_connected") == 1)
        self.assertEqual(self.changes(), [("disable", self.fleet.targets[0].url)])

    def test_an_agent_that_is_cut_off_from_redis_changes_nothing(self):
        self.check_cut_from_redis(replies_only=False)

    def test_an_agent_that_does_not_hear_redis_changes_nothing(self):
        self.check_cut_from_redis(replies_only=True)

    def test_a_minority_that_is_left_with_redis_disables_nothing(self):
        agents = self.fleet.start_all()
        for number in (2, 3):
            self.fleet.network.cut(number, self.fleet.redis.host)
        see("two are gone", lambda: all(agents[i].metric("sluice_redis_connected") == 0 for i in (1, 2)))
        see("their votes are stale", lambda: agents[0].metric("sluice_upstream_votes", self.fleet.targets[0].url, 'state="up"') == 1)
        self.fleet.targets[0].kill()
        see("the one that is left sees it", lambda: agents[0].metric("sluice_target_health", self.fleet.targets[0].url) == 0)
        see("and is held", lambda: agents[0].metric("sluice_upstream_votes", self.fleet.targets[0].url, 'state="down"') == 1)
        self.assertEqual(self.fleet.flags(), [])
        self.fleet.network.heal()
        see("together again they disable it", lambda: self.fleet.flag(self.fleet.targets[0]))

    # Deaths ----------------------------------------------------------------------------------------------------------

    def test_flags_lapse_when_every_agent_is_killed(self):
        agents = self.fleet.start_all()
        for target in self.fleet.targets[:2]:
            target.kill()
            see("the flag", lambda: self.fleet.flag(target))
        for agent in agents:
            agent.kill()
        longest = max(self.redis.pttl(flag) for flag in self.fleet.flags())
        self.assertLessEqual(longest, 6000)
        began = time.monotonic()
        see("all flags are gone", lambda: not self.fleet.flags(), within=longest / 1000 + 1)
        print(f"\n  free {time.monotonic() - began:.2f} s after kill -9 of all; TTL 6 s", flush=True)

    def test_the_fleet_goes_on_when_one_agent_is_killed(self):
        agents = self.fleet.start_all()
        agents[1].kill()
        self.fleet.targets[2].kill()
        see("two of three are a majority", lambda: self.fleet.flag(self.fleet.targets[2]))

    def test_the_budget_holds_whatever_dies_and_whoever_decides(self):
        agents = self.fleet.start_all()
        with FlagWatch(self.fleet.flags) as watch:
            for target in self.fleet.targets:
                target.kill()
                self.turns(1)
            see("the budget is used up or the pool frozen", lambda: any(
                name.startswith("sluice_upstream_holds_total") for name in agents[0].metrics()))
            agents[0].kill()
            agents[1].process.send_signal(signal.SIGSTOP)
            self.addCleanup(agents[1].process.send_signal, signal.SIGCONT)
            self.fleet.start(1)
            see("the one that starts afresh sees it all", lambda: all(
                self.fleet.agents[1].metric("sluice_target_health", target.url) == 0 for target in self.fleet.targets))
            agents[1].process.send_signal(signal.SIGCONT)
            self.turns(2)
        print(f"\n  at most {watch.most} of 4 disabled, in {watch.looks} looks", flush=True)
        self.assertLessEqual(watch.most, 2)

    # People and configurations ---------------------------------------------------------------------------------------

    def test_the_word_of_an_operator_reaches_every_agent(self):
        agents = self.fleet.start_all()
        target = self.fleet.targets[3].url
        body = f'{{"action":"disable","pool":"api","target":"{target}","duration":"1m","reason":"rollout","author":"ann"}}'
        status, text = request(agents[0].url + "/api/v1/upstreams", "POST", body)
        self.assertEqual(status, 200, text)
        for agent in agents:
            see("every agent shows it", lambda: agent.metric("sluice_upstream_disabled", target) == 1)
        self.assertTrue(self.fleet.flag(self.fleet.targets[3]))
        request(agents[1].url + "/api/v1/upstreams", "POST", body.replace('"disable"', '"auto"'))
        see("and its end, told to another agent", lambda: not self.fleet.flag(self.fleet.targets[3]))

    def test_what_one_commits_the_others_see_before_their_next_turn(self):
        seldom = CONFIG.replace("interval: 1s, timeout", "interval: 15s, timeout").replace("ttl: 6s", "ttl: 300s")
        agents = self.fleet.start_all(config=seldom)  # a turn takes 15 s to come by itself
        target = self.fleet.targets[3].url
        waits = []
        for action, disabled in (("disable", 1), ("auto", 0), ("disable", 1), ("auto", 0)):
            body = {"action": action, "pool": "api", "target": target, "duration": "1m", "reason": "rollout", "author": "ann"}
            began = time.monotonic()
            self.assertEqual(request(agents[0].url + "/api/v1/upstreams", "POST", json.dumps(body))[0], 200)
            for agent in agents:
                see(f"{action} at every agent", lambda: agent.metric("sluice_upstream_disabled", target) == disabled)
            waits.append(time.monotonic() - began)
        print(f"\n  seen by all after {', '.join(f'{wait:.2f}' for wait in waits)} s; a turn comes every 15 s", flush=True)
        self.assertLess(max(waits), 5)

    def test_a_majority_of_one_configuration_decides(self):
        self.fleet.start(1)
        self.fleet.start(2)
        self.fleet.start(3, fall=3)
        agents = self.fleet.agents
        target = self.fleet.targets[0]
        see("all vote", lambda: agents[1].metric("sluice_upstream_votes", target.url, 'state="up"') == 3)
        target.kill()
        see("two of three agree on what down means", lambda: self.fleet.flag(target))

    def test_agents_of_as_many_configurations_disable_nothing(self):
        for number in (1, 2, 3):
            self.fleet.start(number, fall=number)
        agents = self.fleet.agents
        target = self.fleet.targets[0]
        see("all vote", lambda: agents[1].metric("sluice_upstream_votes", target.url, 'state="up"') == 3)
        target.kill()
        see("all see it", lambda: agents[1].metric("sluice_upstream_votes", target.url, 'state="down"') == 3)
        self.turns()
        self.assertEqual(self.fleet.flags(), [])


if __name__ == "__main__":
    main()

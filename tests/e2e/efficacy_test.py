"""Did it help? A member is disabled while the pool's API fails, and comes back when that changes nothing."""
import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Agent, see  # noqa: E402
from replay_test import Upstream  # noqa: E402

CONFIG = """
global: {{interval: 500ms, timeout: 400ms, evaluation_interval: 500ms}}
rule_packs: [sluice]
probes:
  - job_name: auth
    module: http_2xx
    static_configs: [{{targets: [{members}]}}]
    health: {{rise: 2, fall: 2}}
    upstream: {{disable_time: {{base: 1s}}, efficacy: {{job: api, window: 3s, hold: 2m}}}}
  - job_name: api
    module: http_2xx
    static_configs: [{{targets: ["{api}"]}}]
"""


class EfficacyTest(unittest.TestCase):
    def test_a_disabling_that_does_not_help_is_taken_back_and_told(self):
        members, api = [Upstream() for _ in range(4)], Upstream()
        for upstream in (*members, api):
            self.addCleanup(upstream.server.server_close)
            self.addCleanup(upstream.server.shutdown)
        agent = Agent(CONFIG.format(members=", ".join(f'"{m.url}"' for m in members), api=api.url))
        self.addCleanup(agent.close)

        def disabled(member):
            return agent.metric("sluice_upstream_disabled", member.url) == 1

        see("all is well", lambda: agent.metric("sluice_pool_api_failing_ratio") == 0)
        # It helps: with the dead member out, the API is whole.
        api.well = members[0].well = False
        see("disabled", lambda: disabled(members[0]))
        api.well = True
        see("the API is whole", lambda: agent.metric("sluice_pool_api_failing_ratio") == 0)
        whole_at = time.monotonic()
        see("the window is over", lambda: time.monotonic() > whole_at + 4)
        self.assertTrue(disabled(members[0]))
        members[0].well = True
        see("enabled", lambda: not disabled(members[0]))
        # It does not help: the API fails for another reason.
        api.well = members[1].well = False
        see("disabled as well", lambda: disabled(members[1]))
        see("taken back", lambda: not disabled(members[1]))
        see("the pool is held", lambda: agent.metric("sluice_pool_frozen", 'why="no_effect"') == 1)
        see("people are told", lambda: [a for a in json.loads(agent.get("/api/v1/alerts")[1])["data"]["alerts"]
                                        if a["labels"]["alertname"] == "DisablingDidNotHelp"])
        trail = agent.sluice("upstreams", "--url", agent.url, "log").stdout
        self.assertIn("disabling did not help: 100 % of api failed before, 100 % after 3s", trail)
        self.assertIn("disabling did not help", agent.sluice("upstreams", "--url", agent.url).stdout)
        # And it is not tried again while the hold lasts.
        members[2].well = False
        see("held", lambda: (agent.metric("sluice_upstream_holds_total", 'hold="no_effect"') or 0) > 3)
        self.assertFalse(disabled(members[2]))


if __name__ == "__main__":
    unittest.main()

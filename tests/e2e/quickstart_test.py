"""deploy/quickstart.sh, as a newcomer runs it: it shows the whole loop, and leaves nothing behind."""
import os
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [ROOT / "deploy/quickstart.sh", "--no-install", "--no-build"]


def processes_below(folder):
    """Command lines of processes that know the folder: all of the world's carry it in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            pass  # it ended meanwhile
    return found


class QuickstartTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="sluice-quickstart."))
        self.folder.chmod(0o711)  # PostgreSQL runs as another user
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.process = None

    def start(self, *options):
        self.process = subprocess.Popen([*COMMAND, *options], env={**os.environ, "TMPDIR": str(self.folder)},
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, start_new_session=True)
        self.addCleanup(self.process.stdout.close)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.terminate)

    def read_until(self, text):
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            if text in line:
                return
        self.fail(f"ended without {text!r}:\n{''.join(seen)}")

    def assert_nothing_is_left(self):
        self.assertEqual(processes_below(self.folder), [])
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_the_demo_script_sees_everything_and_leaves_nothing(self):
        self.start("--demo-script")
        output = self.process.stdout.read()
        self.assertEqual(self.process.wait(), 0, output)
        for line in ("probe_success is 0", "its flag is in Redis", "Slack was told", "PagerDuty was triggered",
                     "its flag is gone", "Slack was told that it is resolved", "PagerDuty was told that it is resolved"):
            self.assertIn(line, output)
        self.assert_nothing_is_left()

    def test_ctrl_c_leaves_nothing(self):
        self.start()
        self.read_until("What Slack and PagerDuty get")
        self.assertGreater(len(processes_below(self.folder)), 7)
        os.killpg(self.process.pid, signal.SIGINT)  # as a terminal does
        self.process.stdout.read()
        self.assertEqual(self.process.wait(), 130)
        self.assert_nothing_is_left()

    def test_being_terminated_leaves_nothing(self):
        self.start()
        self.read_until("What Slack and PagerDuty get")
        self.process.terminate()
        self.process.stdout.read()
        self.assertEqual(self.process.wait(), 143)
        self.assert_nothing_is_left()


if __name__ == "__main__":
    unittest.main()

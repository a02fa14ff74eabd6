#!/usr/bin/python3
"""Plain DNS: one name that leads to the servers that may be used, for clients that know nothing of Redis. See docs/readers.md.

    sluice_hosts.py --redis redis://127.0.0.1:6379/0 --pool auth --name auth.internal --hosts /run/sluice/auth.hosts \\
        --dnsmasq-pid /run/dnsmasq.pid https://auth1=10.0.0.1 https://auth2=10.0.0.2

Looks at the flags every second, writes the addresses into the file and has dnsmasq (dnsmasq.conf) read it again. Each
server is given by its target as in sluice.yml and its address. Stopped, it leaves all of them in the file.
"""
import argparse
import os
import signal
import sys
from pathlib import Path

import redis

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from sluice_flags import Flags  # noqa: E402


def publish(options, addresses):
    """Writes the file as a whole, and tells dnsmasq. False when dnsmasq is not there."""
    text = "".join(f"{address} {options.name}\n" for address in addresses)
    draft = options.hosts + ".new"
    with open(draft, "w", encoding="ascii") as file:
        file.write(text)
    os.replace(draft, options.hosts)
    try:
        os.kill(int(Path(options.dnsmasq_pid).read_text(encoding="ascii")), signal.SIGHUP)
    except (OSError, ValueError):
        return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/0", help="the Redis with the flags")
    parser.add_argument("--pool", required=True)
    parser.add_argument("--key", default="{pool}:disabled:{target}", help="upstream.flag.key of sluice.yml")
    parser.add_argument("--name", required=True, help="the name that leads to the servers")
    parser.add_argument("--hosts", required=True, help="the file to write; dnsmasq's addn-hosts")
    parser.add_argument("--dnsmasq-pid", required=True, help="dnsmasq's pid-file")
    parser.add_argument("--reader", default=os.uname().nodename, help="the name to acknowledge under")
    parser.add_argument("--poll", type=float, default=1.0, help="seconds between two looks")
    parser.add_argument("servers", nargs="+", metavar="target=address")
    options = parser.parse_args()
    addresses = dict(server.rsplit("=", 1) for server in options.servers if "=" in server)
    if len(addresses) != len(options.servers):
        parser.error("servers are given as target=address, each target once")

    client = redis.Redis.from_url(options.redis, socket_timeout=0.5, socket_connect_timeout=0.5)
    flags = Flags(client, options.pool, addresses, key=options.key, name=options.reader, poll_s=options.poll)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: flags.stopped.set())
    published = None
    while True:
        flags.poll()
        usable = flags.usable()
        if usable != published:
            published = usable if publish(options, [addresses[target] for target in usable]) else None
        if flags.stopped.wait(options.poll):
            break
    flags.leave()
    publish(options, addresses.values())


if __name__ == "__main__":
    main()

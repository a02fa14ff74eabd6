// Which upstreams not to use, by the flags that Sluice keeps in Redis. Needs the npm package `redis`. See docs/readers.md.
//
//   const flags = new Flags(client, { pool: "auth", targets: ["https://auth1", "https://auth2"] });
//   flags.start();
//   const servers = flags.usable();

export class Flags {
  constructor(client, { pool, targets, key = "{pool}:disabled:{target}", name, prefix = "sluice", pollMs = 1000, ttlMs = 30000 }) {
    Object.assign(this, { client, pool, targets, name, pollMs });
    this.ttlMs = ttlMs; // of a flag that has none, because somebody set it by hand
    this.keys = targets.map((target) => key.replace("{pool}", pool).replace("{target}", target));
    this.epochKey = `${prefix}:{${pool}}:epoch`;
    this.readersKey = `${prefix}:{${pool}}:readers`;
    this.disabledUntil = new Map(targets.map((target) => [target, 0]));
    this.polls = 0;
  }

  // The targets that may be used; all of them when none may: a wrong flag must not stop the service.
  usable() {
    const now = performance.now();
    const usable = this.targets.filter((target) => this.disabledUntil.get(target) <= now);
    return usable.length > 0 ? usable : [...this.targets];
  }

  // Looks once. When Redis cannot be read, what was known holds until its lease ends, and then no longer.
  async poll() {
    if (!this.client.isReady) return; // a command would wait in the client's queue
    const asked = performance.now();
    try {
      const [epoch, ...left] = await Promise.all([
        this.client.get(this.epochKey),
        ...this.keys.map((key) => this.client.pTTL(key)),
      ]);
      this.targets.forEach((target, i) => {
        const leftMs = left[i] === -1 ? this.ttlMs : left[i]; // -1: it does not expire; -2: there is none
        this.disabledUntil.set(target, leftMs > 0 ? asked + leftMs : 0);
      });
      this.polls += 1;
      if (this.name) await this.client.hSet(this.readersKey, this.name, `${Number(epoch ?? 0)} ${this.polls}`);
    } catch {
      // As if it had not been asked.
    }
  }

  start() {
    this.timer = setInterval(() => this.poll(), this.pollMs);
    return this.poll();
  }

  async stop() {
    clearInterval(this.timer);
    if (this.name) await this.client.hDel(this.readersKey, this.name).catch(() => {});
  }
}

// The same in Node. redis_port targets...
import { createRequire } from "node:module";
import { Flags } from "../../../deploy/readers/node/sluice_flags.mjs";

const { createClient } = createRequire(new URL("../../../deploy/readers/node/", import.meta.url))("redis");
const [port, ...targets] = process.argv.slice(2);
const client = createClient({ url: `redis://127.0.0.1:${port}` });
client.on("error", () => {});
client.connect();
const flags = new Flags(client, { pool: "auth", targets, key: "auth_server:disabled:{target}", name: "node", pollMs: 200 });
flags.start();
for (;;) {
  for (const target of flags.usable()) await (await fetch(target + "/from-node")).text();
  await new Promise((resolve) => setTimeout(resolve, 50));
}

import { setTimeout as delay } from "node:timers/promises";
import { openSqliteStorage } from "../../engine/storage/sqlite-storage.ts";

/** A process to be killed: writes one key after another and prints each once the store has acknowledged it. */
const [file = "", round = ""] = process.argv.slice(2);
// In every other round the file moves to a thread meanwhile.
const storage = await openSqliteStorage(file, Number(round) % 2 === 0 ? {} : { threadAfter: delay(20) });
const value = Buffer.alloc(2_000, round);
await Promise.all(
  Array.from({ length: 4 }, async (_, writer) => {
    for (let count = 0; ; count++) {
      const key = `/test/${round}/${writer}/${count}`;
      const result = await storage.commit([{ key, modRevision: 0 }], [{ do: "put", key, value }]);
      if (result.is !== "committed") throw new Error(`${key} was there already`);
      process.stdout.write(`${result.revision} ${key}\n`);
    }
  }),
);

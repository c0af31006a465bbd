import { describe, expect, test } from "vitest";
import { makeFirstObjects } from "../../../../engine/cli/snapshot/rehearsal.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { systemRandom } from "../../../../engine/lib/random.ts";
import { bootstrapCluster } from "../../../../engine/server/bootstrap/bootstrap.ts";
import { writeFirstObjects } from "../../../../engine/server/bootstrap/first-objects.ts";
import { openMemoryStorage } from "../../../../engine/storage/memory-storage.ts";
import { UnsealedValueError, type Storage } from "../../../../engine/storage/storage.ts";
import { startTestApi } from "../../../kit/test-api.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const UID = /"uid":"([^"]+)"/;
const objects = await makeFirstObjects();

interface Stored {
  readonly text: string;
  /** Whether the start has written it. */
  readonly isWritten: boolean;
}

/** What is in a store that a server has started over. */
async function startOver(prepare: (storage: Storage, clock: VirtualClock) => Promise<unknown>): Promise<ReadonlyMap<string, Stored>> {
  const clock = new VirtualClock();
  const storage = openMemoryStorage({ clock });
  await prepare(storage, clock);
  const prepared = await storage.currentRevision();
  await using api = await startTestApi({ storage, clock, defaultAccounts: false });
  await bootstrapCluster(api.server, { serviceCidr: "10.43.0.0/16", apiPort: 6443, registersApis: true, flowControlClock: clock });
  const { entries } = await storage.list("/");
  return new Map(entries.map(({ key, value, modRevision }) => [key, { text: value.toString("utf8"), isWritten: modRevision > prepared }]));
}

const write = (storage: Storage, clock: VirtualClock) => writeFirstObjects(storage, objects, { clock, random: systemRandom, logger: silentLogger });
const texts = (all: ReadonlyMap<string, Stored>) => new Map([...all].map(([key, { text }]) => [key, text.replace(UID, "")]));

describe("the objects that every cluster begins with", () => {
  test("are, written as they were prepared, what the API would have made: each of its own identity, and of this moment", async () => {
    const prepared = await startOver((storage, clock) => write(storage, clock));
    expect(texts(prepared)).toEqual(texts(await startOver(async () => {})));
    const uids = [...prepared.values()].flatMap(({ text }) => UID.exec(text)?.[1] ?? []);
    expect(new Set(uids).size).toBe(uids.length);
  });

  test("leave a start nothing to write of them", async () => {
    const found = await startOver((storage, clock) => write(storage, clock));
    expect(objects.length).toBeGreaterThan(150);
    expect(objects.filter(({ key }) => found.get(key)?.isWritten !== false)).toEqual([]);
  });

  test("stay as another server has written them meanwhile, and the rest is made all the same", async () => {
    const { key, text } = objects.find((object) => object.key.endsWith("/namespaces/default"))!;
    const others = text.replace(UID, '"uid":"of another server"');
    const found = await startOver(async (storage, clock) => {
      await storage.commit([], [{ do: "put", key, value: Buffer.from(others) }]);
      await write(storage, clock);
    });
    expect(found.get(key)?.text).toBe(others);
    expect(objects.filter((object) => !found.has(object.key))).toEqual([]);
  });

  test("are made one by one where they cannot be written at once", async () => {
    const found = await startOver((storage, clock) => write({ ...storage, commit: () => Promise.reject(new UnsealedValueError("nobody seals")) }, clock));
    expect(objects.filter(({ key }) => found.get(key)?.isWritten !== true)).toEqual([]);
  });
});

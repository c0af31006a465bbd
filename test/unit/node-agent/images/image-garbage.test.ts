import { describe, expect, test } from "vitest";
import type { EventRecorder } from "../../../../engine/client/event-recorder.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import type { ImageInfo, Runtime } from "../../../../node-agent/cri/runtime.ts";
import { ImageGarbage } from "../../../../node-agent/images/image-garbage.ts";
import { bytesToFree, chooseImages, chooseOldImages, DEFAULT_IMAGE_GC, noteImages } from "../../../../node-agent/images/image-gc-plan.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

test("which images are used is seen at a glance, however many containers there are", async () => {
  const [removed, known]: [string[], string[]] = [[], []];
  const images: readonly ImageInfo[] = ["used", "mounted", "free"].map((id) => ({ id, names: [`r/${id}`], bytes: 10 }));
  const runtime = {
    listImages: async () => images,
    glance: async () => ({ sandboxes: [], containers: [{ id: "c", podUid: "u", state: "exited", image: "r/other", imageId: "used" }] }),
    removeImage: async (id: string) => void removed.push(id),
  } as unknown as Runtime; // nothing else is asked of it
  const clock = new VirtualClock();
  const garbage = new ImageGarbage({
    runtime,
    clock,
    logger: silentLogger,
    events: { record: () => {} } as unknown as EventRecorder,
    node: () => undefined,
    access: { now: () => 7, keepOnly: (ids, since) => void known.push(...ids, `${since}`) },
    mounted: () => ["r/mounted"],
    imageDir: "/",
  });
  await clock.advance(3_600_000);
  expect(await garbage.freeAll()).toBe(10);
  expect(removed).toEqual(["free"]);
  expect(known).toEqual(["used", "mounted", "free", "7"]);
});

describe("images", () => {
  const image = (id: string, bytes = 10, more: readonly string[] = []): ImageInfo => ({ id, names: [`r/${id}`, ...more], bytes });
  const all = [image("old"), image("used"), image("new"), image("local", 10, ["mainstay.local/x:1"]), image("recent")];
  const used = new Set(["r/used"]);
  const history = noteImages(
    all.filter(({ id }) => id !== "new"),
    new Set(["r/used", "recent"]),
    new Map(),
    1,
  );

  test("go when nobody uses them, the longest unused first, as many as needed", () => {
    const now = 10 * 60_000;
    const known = noteImages(all, used, history, now);
    const chosen = (bytes: number, minAgeMs = DEFAULT_IMAGE_GC.minAgeMs) => chooseImages(all, used, known, bytes, now, minAgeMs).map(({ id }) => id);
    expect([chosen(1), chosen(11), chosen(Infinity), chosen(Infinity, 0)]).toEqual([["old"], ["old", "recent"], ["old", "recent"], ["old", "new", "recent"]]);
    expect(chosen(0)).toEqual([]);
  });

  test("that nothing used for too long go whatever room there is, once that long was looked", () => {
    const now = 10 * 60_000;
    const old = (sinceMs: number, maxAgeMs: number) => chooseOldImages(all, used, noteImages(all, used, history, now), sinceMs, now, { minAgeMs: 0, maxAgeMs }).map(({ id }) => id);
    expect([old(0, 60_000), old(now - 60_000, 60_000), old(0, 0), old(0, now + 1)]).toEqual([["old", "new", "recent"], [], [], []]);
  });

  test("stay while the disk has room", () => {
    expect([
      bytesToFree({ available: 16, capacity: 100 }, DEFAULT_IMAGE_GC),
      bytesToFree({ available: 15, capacity: 100 }, DEFAULT_IMAGE_GC),
      bytesToFree({ available: 1, capacity: 100 }, DEFAULT_IMAGE_GC),
    ]).toEqual([0, 5, 19]);
  });
});

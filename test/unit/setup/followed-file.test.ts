import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { silentLogger } from "../../../engine/lib/log.ts";
import { followText } from "../../../engine/setup/followed-file.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

test("a file whose change was broken off while it was taken up is followed on, and taken up the next time", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "followed-"));
  const file = path.join(folder, "ca.pem");
  const [clock, stop, tried] = [new VirtualClock(), new AbortController(), [] as string[]];
  writeFileSync(file, "new");
  const apply = async (text: string) => {
    if (tried.push(text) === 1) throw new DOMException("This operation was aborted", "AbortError");
  };
  const running = followText({ what: "client authorities", file, text: "old", parse: (text) => text, apply }, { clock, logger: silentLogger }).run(stop.signal);
  try {
    // Files are read on the machine's time, not on the clock's.
    await expect.poll(async () => (await clock.advance(5_000), tried)).toEqual(["new", "new"]);
  } finally {
    stop.abort();
    await running;
    rmSync(folder, { recursive: true });
  }
});

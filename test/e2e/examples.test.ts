import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createFabric, type Fabric } from "../kit/hosts.ts";
import { cleanUp, eventually, kubectl, makeDataDir, requireRoot, resetMainstay, startMainstay, type Mainstay } from "../kit/mainstay.ts";

const EXAMPLES = path.resolve(import.meta.dirname, "../../examples");

/** What a reader of an example does with it, on a machine with real containers. */
describe.skipIf(!requireRoot())("an example that is pushed to a cluster", () => {
  const dataDir = makeDataDir();
  const clone = mkdtempSync(path.join(os.tmpdir(), "ms-ex-"));
  let fabric: Fabric;
  let mainstay: Mainstay | undefined;
  const host = () => fabric.hosts[0]!;
  const git = (...args: string[]) => host().exec("git", "-C", clone, "-c", "user.name=Ada", "-c", "user.email=ada@platform.example.org", ...args);

  beforeAll(async () => {
    fabric = await createFabric("ex", 1);
    mainstay = await startMainstay(host(), dataDir);
    await host().exec("git", "clone", "-q", "http://127.0.0.1:6480/cluster.git", clone);
  }, 180_000);

  afterAll(() =>
    cleanUp(
      () => mainstay?.stop(),
      () => (fabric === undefined ? undefined : resetMainstay(host(), dataDir)),
      () => rmSync(clone, { recursive: true, force: true }),
      () => rmSync(dataDir, { recursive: true, force: true }),
      () => fabric?.destroy(),
    ),
  );

  it("teams: what is shared first, then the hook in a namespace that comes with it, then the application", { timeout: 240_000 }, async () => {
    await git("rm", "-qr", "apps", "mainstay.yaml");
    cpSync(path.join(EXAMPLES, "teams"), clone, { recursive: true });
    const config = path.join(clone, "mainstay.yaml");
    // At any hour, and by one who may change all of it.
    writeFileSync(config, readFileSync(config, "utf8").replace(/ {4}windows:\n( {6}.*\n)+/, ""));
    await git("add", "-A");
    await git("commit", "-qm", "Teams\n\nAllow-Delete: web");
    await git("push", "-q", "-o", "wait=120s");
    const healths = async () => (await kubectl(host(), mainstay!, "get", "applications", "-o", "jsonpath={range .items[*]}{.metadata.name}={.status.health} {end}")).trim().split(" ").sort();
    // The autoscaler adds a replica once it is all there.
    await eventually(healths, (all) => all.join() === "access=Healthy,data=Healthy,shop=Healthy", 60_000);
    expect(await kubectl(host(), mainstay!, "get", "jobs", "-n", "shop", "-o", "jsonpath={.items[*].status.succeeded}")).toBe("1");
  });
});

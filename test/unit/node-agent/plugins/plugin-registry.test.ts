import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../../engine/lib/clock.ts";
import { silentLogger, type LogFields } from "../../../../engine/lib/log.ts";
import type { PluginHandler } from "../../../../node-agent/plugins/plugin-handler.ts";
import { createPluginRegistry, findSockets } from "../../../../node-agent/plugins/plugin-registry.ts";
import { planRegistrations, type KnownSocket } from "../../../../node-agent/plugins/plan-registrations.ts";
import { Registration } from "../../../../node-agent/plugins/registration_pb.ts";
import { serveGrpc, served } from "../../../kit/grpc-server.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const known = (path: string, identity: string, state: KnownSocket["state"]): KnownSocket => ({ path, identity, state });

describe("what is done about the registry's sockets", () => {
  test("a new one is registered, one that is being asked or registered is left alone", () => {
    const found = [
      { path: "/a", identity: "1" },
      { path: "/b", identity: "2" },
      { path: "/c", identity: "3" },
    ];
    const plan = planRegistrations(found, [known("/b", "2", { is: "registered" }), known("/c", "3", { is: "registering" })], 0);
    expect(plan).toEqual([{ do: "register", socket: found[0] }]);
  });

  test("one that went is forgotten, and one in another's place is registered after that one is forgotten", () => {
    const gone = known("/a", "1", { is: "registered" });
    const replaced = known("/b", "2", { is: "registered" });
    expect(planRegistrations([{ path: "/b", identity: "9" }], [gone, replaced], 0)).toEqual([
      { do: "forget", socket: gone },
      { do: "forget", socket: replaced },
      { do: "register", socket: { path: "/b", identity: "9" } },
    ]);
  });

  test("one that was refused is asked again when its time has come, at once when it was replaced", () => {
    const refused = known("/a", "1", { is: "refused", retryAtMs: 1000 });
    expect(planRegistrations([{ path: "/a", identity: "1" }], [refused], 999)).toEqual([{ do: "wait", untilMs: 1000 }]);
    expect(planRegistrations([{ path: "/a", identity: "1" }], [refused], 1000)).toEqual([{ do: "register", socket: { path: "/a", identity: "1" } }]);
    expect(planRegistrations([{ path: "/a", identity: "2" }], [refused], 0).map((action) => action.do)).toEqual(["forget", "register"]);
  });

  test("one that goes while it is asked is forgotten when it has answered", () => {
    expect(planRegistrations([], [known("/a", "1", { is: "registering" })], 0)).toEqual([]);
    expect(planRegistrations([], [known("/a", "1", { is: "refused", retryAtMs: 1000 })], 0).map((action) => action.do)).toEqual(["forget"]);
  });
});

describe("the registry", () => {
  test("takes a plugin when its socket comes, anew when another takes its place, and lets it go with its socket", async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "registry-"));
    const heard: string[] = [];
    const told: string[] = [];
    const handler: PluginHandler = {
      type: "CSIPlugin",
      validate: ({ versions }) => {
        if (!versions.includes("1.0.0")) throw new Error("too new");
      },
      register: async ({ name, endpoint }) => void heard.push(`register ${name} ${endpoint}`),
      deregister: ({ name }) => void heard.push(`deregister ${name}`),
    };
    const plugin = (name: string, info: { readonly endpoint?: string; readonly versions?: readonly string[]; readonly type?: string } = {}) => {
      const { endpoint = "", versions = ["1.0.0"], type = "CSIPlugin" } = info;
      return serveGrpc(
        path.join(folder, name),
        served(Registration, {
          getInfo: () => ({ type, name, endpoint, supportedVersions: [...versions] }),
          notifyRegistrationStatus: ({ pluginRegistered, error }) => {
            told.push(`${name}: ${pluginRegistered ? "registered" : error}`);
            return {};
          },
        }),
      );
    };
    const stop = new AbortController();
    const running = createPluginRegistry({ folder: folder, handlers: [handler], clock: systemClock, logger: silentLogger }).run(stop.signal);
    try {
      const end = await plugin("disks", { endpoint: "/csi/disks.sock" });
      await expect.poll(() => told).toEqual(["disks: registered"]);
      end();
      await expect.poll(() => heard).toEqual(["register disks /csi/disks.sock", "deregister disks"]);
      const again = await plugin("disks");
      await expect.poll(() => told).toEqual(["disks: registered", "disks: registered"]);
      expect(heard.at(-1)).toBe(`register disks ${path.join(folder, "disks")}`);
      told.splice(0);
      const others = [await plugin("new", { versions: ["9.0.0"] }), await plugin("odd", { type: "Toaster" })];
      await expect
        .poll(() => [...new Set(told)].sort())
        .toEqual([
          "new: plugin registration failed with err: too new",
          `odd: plugin registration failed with err: no handler registered for plugin type: Toaster at socket ${path.join(folder, "odd")}`,
        ]);
      for (const close of [again, ...others]) close();
    } finally {
      stop.abort();
      await running;
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

test("the registry goes on when its folder cannot be read for a moment, and holds what it held", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "registry-"));
  const clock = new VirtualClock();
  const heard: string[] = [];
  const handler: PluginHandler = { type: "CSIPlugin", validate: () => {}, register: async ({ name }) => void heard.push(name), deregister: ({ name }) => void heard.push(`no ${name}`) };
  const plugin = (name: string) =>
    serveGrpc(path.join(folder, name), served(Registration, { getInfo: () => ({ type: "CSIPlugin", name, endpoint: "", supportedVersions: ["1.0.0"] }), notifyRegistrationStatus: () => ({}) }));
  const ends = [await plugin("disks")];
  const warnings: string[] = [];
  const stop = new AbortController();
  const running = createPluginRegistry({ folder, handlers: [handler], clock, logger: { ...silentLogger, warn: (message) => warnings.push(message) } }).run(stop.signal);
  try {
    await expect.poll(() => heard).toEqual(["disks"]);
    renameSync(folder, `${folder}.away`);
    await clock.advance(6_000);
    await expect.poll(() => warnings).toContain("registry of plugins not read, will retry");
    renameSync(`${folder}.away`, folder);
    ends.push(await plugin("shares"));
    await clock.advance(6_000);
    await expect.poll(() => heard).toEqual(["disks", "shares"]);
  } finally {
    for (const end of ends) end();
    stop.abort();
    await running;
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a plugin that says too much of itself is refused in few words", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "registry-"));
  const handler: PluginHandler = { type: "CSIPlugin", validate: ({ versions }) => expect(versions).toEqual([]), register: async () => {}, deregister: () => {} };
  const versions = Array.from({ length: 100_000 }, (_, at) => `1.${at}`);
  const close = await serveGrpc(path.join(folder, "disks"), served(Registration, { getInfo: () => ({ type: "CSIPlugin", name: "disks", endpoint: "", supportedVersions: versions }) }));
  const warnings: string[] = [];
  const stop = new AbortController();
  const logger = { ...silentLogger, warn: (_message: string, fields: LogFields = {}) => warnings.push(String(fields["error"])) };
  const running = createPluginRegistry({ folder, handlers: [handler], clock: systemClock, logger }).run(stop.signal);
  try {
    await expect.poll(() => warnings[0]).toMatch(/received message larger than max \(\d+ vs. 65536\)$/);
  } finally {
    close();
    stop.abort();
    await running;
    rmSync(folder, { recursive: true, force: true });
  }
});

test.skipIf(process.getuid?.() !== 0)("the registry is looked at also where the machine lets nobody watch folders", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "registry-"));
  const url = (file: string) => JSON.stringify(new URL(`../../../../${file}`, import.meta.url));
  const program = `
    const [{ createPluginRegistry }, { systemClock }, { silentLogger }] = await Promise.all([import(${url("node-agent/plugins/plugin-registry.ts")}), import(${url("engine/lib/clock.ts")}), import(${url("engine/lib/log.ts")})]);
    const stop = new AbortController();
    const warn = (message) => (console.log(message), setTimeout(() => stop.abort(), 50));
    await createPluginRegistry({ folder: ${JSON.stringify(folder)}, handlers: [], clock: systemClock, logger: { ...silentLogger, warn } }).run(stop.signal);
    console.log("ended in order");`;
  const script = 'echo 0 > /proc/sys/user/max_inotify_instances; exec "$0" --input-type=module -e "$1"';
  try {
    expect(execFileSync("unshare", ["-Ur", "sh", "-c", script, process.execPath, program], { encoding: "utf8" })).toBe("registry of plugins not watched\nended in order\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe("the registry's folder", () => {
  let folder: string;
  const servers: net.Server[] = [];
  const listen = (name: string) => new Promise<void>((resolve) => servers.push(net.createServer().listen(path.join(folder, name), resolve)));
  beforeEach(() => (folder = mkdtempSync(path.join(os.tmpdir(), "registry-"))));
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("shows sockets, also those in folders, and neither files nor what is still being made", async () => {
    mkdirSync(path.join(folder, "deep"));
    writeFileSync(path.join(folder, "file"), "");
    for (const name of ["one.sock", "deep/two.sock", ".new.sock"]) await listen(name);
    expect(
      findSockets(folder)
        .map(({ path: place }) => path.relative(folder, place))
        .sort(),
    ).toEqual(["deep/two.sock", "one.sock"]);
  });

  test("shows what is beside a folder that cannot be read, and what was known to be in that", async () => {
    // A path that is longer than the kernel takes.
    const steps = 'for (let depth = 0; depth < 25; depth++) { fs.mkdirSync("d".repeat(200)); process.chdir("d".repeat(200)); }';
    execFileSync(process.execPath, ["-e", steps], { cwd: folder });
    await listen("one.sock");
    const deep = path.join(folder, ...Array<string>(25).fill("d".repeat(200)), "two.sock");
    const unread: string[] = [];
    try {
      const found = findSockets(folder, [{ path: deep, identity: "1" }], (place) => unread.push(place));
      expect(found.map(({ path: place }) => path.basename(place)).sort()).toEqual(["one.sock", "two.sock"]);
      expect(unread).toEqual([path.dirname(deep).slice(0, unread[0]?.length)]);
    } finally {
      execFileSync("rm", ["-rf", path.join(folder, "d".repeat(200))]);
    }
  });

  test("tells a socket from the one whose place it took", async () => {
    await listen("one.sock");
    await listen("other.sock");
    const before = findSockets(folder).find(({ path: place }) => place.endsWith("one.sock"));
    renameSync(path.join(folder, "other.sock"), path.join(folder, "one.sock"));
    expect(findSockets(folder)).toHaveLength(1);
    expect(findSockets(folder)[0]?.identity).not.toBe(before?.identity);
  });
});

import { chmodSync, copyFileSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Pod } from "../../engine/resources/types.ts";
import { eventually, requireRoot } from "../kit/mainstay.ts";
import { shell, startRealNode, type RealNode } from "./real-node.ts";

const PLUGINS = "/usr/lib/cni";

/** Does what a file of the command's and the pod's name says, and else what the plugin does in whose place it is. */
const plugin = (folder: string) => `#!/bin/sh
pod=$(printf '%s' "$CNI_ARGS" | tr ';' '\\n' | sed -n 's/^K8S_POD_NAME=//p')
case "$(cat "${folder}/$CNI_COMMAND-$pod" 2>/dev/null)" in
  hangs) exec sleep 10000 ;;
  floods) head -c 10485760 /dev/zero | tr '\\0' x; exit 1 ;;
  garbage) head -c 10485760 /dev/zero | tr '\\0' x ;;
  silent) exit 0 ;;
  addressless) printf '{"cniVersion":"0.4.0"}' ;;
  fails) printf '{"cniVersion":"0.4.0","code":100,"msg":"no network today"}'; exit 1 ;;
  *) exec ${folder}/real-ptp ;;
esac
`;

/** A node whose network's plugin does as it is told; only this node's processes see it in its place. */
describe.skipIf(!requireRoot())("a broken CNI plugin", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "plugins-"));
  const run = [shell("sleep 10000")];
  const isRunning = (pod: Pod) => pod.status?.phase === "Running";
  let node: RealNode;
  const behave = (command: string, pod: string, how: string) => writeFileSync(path.join(folder, `${command}-${pod}`), how);
  const behaveAgain = (command: string, pod: string) => rmSync(path.join(folder, `${command}-${pod}`));
  /** Waits for an event of the pod. */
  const told = (pod: string, what: RegExp) =>
    eventually(
      () => node.events(pod),
      (events) => events.some((event) => what.test(event)),
      60_000,
    );

  beforeAll(async () => {
    for (const name of readdirSync(PLUGINS)) copyFileSync(path.join(PLUGINS, name), path.join(folder, name === "ptp" ? "real-ptp" : name));
    writeFileSync(path.join(folder, "ptp"), plugin(folder));
    chmodSync(path.join(folder, "ptp"), 0o755);
    node = await startRealNode("cn", undefined, {}, ["unshare", "--mount", "sh", "-c", `mount --bind ${folder} ${PLUGINS} && exec "$@"`, "sh"]);
  }, 120_000);
  afterAll(async () => {
    await node?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  it("is told of in the events of its pod, whatever it prints, and no other pod notices", async () => {
    const ways = {
      floods: /FailedCreatePodSandBox: .*code = Internal desc = stream terminated by RST_STREAM with error code: INTERNAL_ERROR; a server whose error has a text of more than \d+ bytes does so/,
      garbage: /FailedCreatePodSandBox: .*failed to unmarshal raw result/,
      silent: /FailedCreatePodSandBox: .*unexpected end of JSON input/,
      addressless: /FailedCreatePodSandBox: .*failed to find network info/,
      fails: /FailedCreatePodSandBox: .*no network today/,
    };
    const names = Object.keys(ways);
    for (const how of names) {
      behave("ADD", how, how);
      await node.create(how, { containers: run });
    }
    for (const [how, what] of Object.entries(ways)) await told(how, what);
    await node.create("good", { containers: run });
    await node.until("good", isRunning);
    for (const how of names) behaveAgain("ADD", how);
    for (const how of names) await node.until(how, isRunning, 90_000);
    for (const name of ["good", ...names]) expect((await node.events(name)).filter((event) => event.includes("Connection dropped"))).toEqual([]);
    expect((await node.events("good")).filter((event) => event.startsWith("Failed"))).toEqual([]);
    await node.kubectl("delete", "pod", "--all", "--timeout=60s");
  }, 300_000);

  it("that hangs holds up neither pods that need no network for long, nor the end of its own", async () => {
    const names = Array.from({ length: 7 }, (_, index) => `hanging-${index}`);
    for (const name of names) {
      behave("ADD", name, "hangs");
      await node.create(name, { containers: run });
    }
    // As the pod does that will make the plugin work.
    await node.create("host", { hostNetwork: true, containers: run });
    await node.until("host", isRunning, 60_000);
    await node.kubectl("delete", "pod", "--all", "--timeout=30s");
    for (const name of names) behaveAgain("ADD", name);
    expect(await node.host.exec("sh", "-c", "ip -o link | grep -c veth || true")).toBe("0\n");
  }, 200_000);

  it("that cannot take a network down keeps that pod, with the reason, and no other", async () => {
    for (const name of ["kept", "stuck", "free"]) await node.create(name, { containers: run });
    for (const name of ["kept", "stuck", "free"]) await node.until(name, isRunning);
    behave("DEL", "kept", "fails");
    behave("DEL", "stuck", "hangs");
    await node.kubectl("delete", "pod", "kept", "stuck", "--wait=false");
    await told("kept", /FailedKillPod: error killing pod: .*no network today/);
    await node.kubectl("delete", "pod", "free", "--timeout=30s");
    await node.create("next", { containers: run });
    await node.until("next", isRunning);
    expect(await node.kubectl("get", "pods", "kept", "stuck", "-o", "name")).toBe("pod/kept\npod/stuck\n");
    for (const name of ["kept", "stuck"]) behaveAgain("DEL", name);
    await node.host.exec("sh", "-c", `for p in $(pgrep -x sleep); do tr '\\0' '\\n' < /proc/$p/environ | grep -q '^CNI_ARGS=.*K8S_POD_NAME=stuck' && kill $p; done; true`);
    await node.kubectl("wait", "--for=delete", "pod/kept", "pod/stuck", "--timeout=60s");
  }, 200_000);

  it("that is not there, or whose configuration was broken, is named, and pods start when it is back", async () => {
    renameSync(path.join(folder, "ptp"), path.join(folder, "away"));
    await node.create("late", { containers: run });
    await told("late", /FailedCreatePodSandBox: .*failed to find plugin "ptp" in path/);
    writeFileSync(path.join(node.dataDir, "agent", "cni", "net.d", "10-mainstay.conflist"), '{"cniVersion": "0.4.0", "name": "mainst');
    renameSync(path.join(folder, "away"), path.join(folder, "ptp"));
    await node.until("late", isRunning, 90_000);
  }, 150_000);
});

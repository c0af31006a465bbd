import { chmodSync, copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { requireRoot } from "../kit/mainstay.ts";
import { shell, startRealNode, type RealNode } from "./real-node.ts";

const PLUGINS = "/usr/lib/cni";

/** Does what a file of the command's and the pod's name says, and else what it stands for. */
const wrapper = (folder: string) => `#!/bin/sh
pod=$(printf '%s' "$CNI_ARGS" | tr ';' '\\n' | sed -n 's/^K8S_POD_NAME=//p')
echo "$(date +%s) $CNI_COMMAND $pod" >> ${folder}/calls
case "$(cat "${folder}/$CNI_COMMAND-$pod" 2>/dev/null)" in
  hang) sleep 10000 ;;
  flood) head -c 10485760 /dev/zero | tr '\\0' x; exit 1 ;;
  garbage) head -c 10485760 /dev/zero | tr '\\0' x ;;
  silent) exit 0 ;;
  nothing) printf '{"cniVersion":"0.4.0"}' ;;
  fail) printf '{"cniVersion":"0.4.0","code":100,"msg":"no network today"}'; exit 1 ;;
  *) exec ${folder}/real-ptp ;;
esac
`;

describe.skipIf(!requireRoot())("a CNI plugin", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "plugins-"));
  let node: RealNode;
  const behave = (command: string, pod: string, how: string) => writeFileSync(path.join(folder, `${command}-${pod}`), how);
  const behaveAgain = (command: string, pod: string) => rmSync(path.join(folder, `${command}-${pod}`));
  beforeAll(async () => {
    for (const name of readdirSync(PLUGINS)) copyFileSync(path.join(PLUGINS, name), path.join(folder, name === "ptp" ? "real-ptp" : name));
    writeFileSync(path.join(folder, "ptp"), wrapper(folder));
    chmodSync(path.join(folder, "ptp"), 0o755);
    node = await startRealNode("hc", undefined, {}, ["unshare", "--mount", "sh", "-c", `mount --bind ${folder} ${PLUGINS} && exec "$@"`, "sh"]);
  }, 120_000);
  afterAll(async () => {
    await node?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 300_000);
  const log = (what: string, value: unknown) => console.log(new Date().toISOString(), what, typeof value === "string" ? value : JSON.stringify(value, undefined, 1));

  it("looks", async () => {
    const run = [shell("sleep 10000")];
    for (const how of ["flood", "garbage", "silent", "nothing", "fail"]) {
      behave("ADD", how, how);
      await node.create(how, { containers: run });
    }
    await node.create("good", { containers: run });
    await node.until("good", (pod) => pod.status?.phase === "Running", 60_000);
    log("good", (await node.pod("good")).status?.podIP);
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    for (const how of ["flood", "garbage", "silent", "nothing", "fail"]) {
      const events = await node.events(how);
      log(how, [events.map((text) => `${text.length}: ${text.slice(0, 600)}`), (await node.pod(how)).status?.containerStatuses?.[0]?.state, (await node.pod(how)).status?.conditions?.filter(({ type }) => type === "PodReadyToStartContainers")]);
    }
    for (const how of ["flood", "garbage", "silent", "nothing", "fail"]) {
      behaveAgain("ADD", how);
      behave("DEL", how, how === "flood" ? "flood" : "");
    }
    await new Promise((resolve) => setTimeout(resolve, 30_000));
    for (const how of ["flood", "garbage", "silent", "nothing", "fail"]) log(`${how} later`, (await node.pod(how)).status?.podIP);
    console.log(await node.host.exec("sh", "-c", `tail -c 3000 ${node.dataDir}/agent/agent.log | cut -c1-500`));
    console.log(await node.host.exec("sh", "-c", `wc -c ${node.dataDir}/agent/agent.log; cut -d' ' -f2- ${folder}/calls | sort | uniq -c`));
  }, 200_000);

  it("del", async () => {
    behave("DEL", "good", "fail");
    behave("DEL", "garbage", "hang");
    behave("DEL", "silent", "garbage");
    behave("DEL", "nothing", "silent");
    const started = Date.now();
    await node.kubectl("delete", "pod", "good", "garbage", "silent", "nothing", "flood", "fail", "--wait=false");
    await node.create("other", { containers: [shell("sleep 10000")] });
    await node.until("other", (pod) => pod.status?.phase === "Running", 60_000);
    log("other runs after", Date.now() - started);
    await node.kubectl("delete", "pod", "other");
    log("other gone after", Date.now() - started);
    await new Promise((resolve) => setTimeout(resolve, 30_000));
    log("left", await node.kubectl("get", "pods", "-o", "wide"));
    for (const name of ["good", "garbage", "silent", "flood"]) log(name, (await node.events(name)).map((text) => text.slice(0, 300)));
    await new Promise((resolve) => setTimeout(resolve, 130_000));
    log("hanging", (await node.events("garbage")).map((text) => text.slice(0, 300)));
    log("left", await node.kubectl("get", "pods", "-o", "wide"));
    log("processes", await node.host.exec("sh", "-c", "ps -eo pid,ppid,args | grep -c '[s]leep 10000'"));
    for (const name of ["good", "garbage", "silent", "flood"]) if (existsSync(path.join(folder, `DEL-${name}`))) behaveAgain("DEL", name);
    await new Promise((resolve) => setTimeout(resolve, 40_000));
    log("left", await node.kubectl("get", "pods", "-o", "wide"));
    console.log(await node.host.exec("sh", "-c", `tail -c 5000 ${node.dataDir}/agent/agent.log | cut -c1-600`));
  }, 400_000);

  it("hangs", async () => {
    const run = [shell("sleep 10000")];
    for (let index = 0; index < 7; index++) {
      behave("ADD", `hang-${index}`, "hang");
      await node.create(`hang-${index}`, { containers: run });
    }
    const started = Date.now();
    await node.create("host", { hostNetwork: true, containers: run });
    await node.until("host", (pod) => pod.status?.phase === "Running", 300_000);
    log("host runs after", Date.now() - started);
    log("hang", await node.events("hang-0"));
    await node.kubectl("delete", "pod", "--all", "--wait=false");
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    log("left", await node.kubectl("get", "pods", "-o", "wide"));
    for (let index = 0; index < 7; index++) behaveAgain("ADD", `hang-${index}`);
    log("processes", await node.host.exec("sh", "-c", "ps -eo pid,ppid,args | grep '[s]leep 10000'"));
  }, 500_000);
  expect(true).toBe(true);
});

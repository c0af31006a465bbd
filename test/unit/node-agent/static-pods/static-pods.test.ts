import { mkdtempSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock, type Clock } from "../../../../engine/lib/clock.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { runServices } from "../../../../engine/lib/service.ts";
import type { Node, Pod } from "../../../../engine/resources/types.ts";
import { readStaticPod } from "../../../../node-agent/read-static-pod.ts";
import { ManifestFolder } from "../../../../node-agent/static-pods/manifest-folder.ts";
import { planMirrors } from "../../../../node-agent/static-pods/mirror-plan.ts";
import { asStaticPod, isMirror, isMirrorOf, isStatic } from "../../../../node-agent/static-pods/static-pod.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const text = (name: string, more = "", spec = "") => `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n${more}spec:\n  containers: [{name: c, image: i}]\n${spec}`;
const read = (content: string, file = "/m/web.yaml", node = "n1") => readStaticPod(content, file, node, "t");

describe("the pod of a file", () => {
  test("is one of this node, with the API's defaults, and says where it comes from", () => {
    const pod = read(text("web", "  labels: {app: web}\n", "  nosuch: 1\n"));
    const uid = pod.metadata.uid ?? "";
    expect(uid).toMatch(/^[0-9a-f]{32}$/);
    expect(pod.metadata).toEqual({
      name: "web-n1",
      namespace: "default",
      uid,
      labels: { app: "web" },
      annotations: { "kubernetes.io/config.hash": uid, "kubernetes.io/config.seen": "t", "kubernetes.io/config.source": "file" },
    });
    expect(pod.spec).toMatchObject({
      nodeName: "n1",
      restartPolicy: "Always",
      dnsPolicy: "ClusterFirst",
      tolerations: [{ operator: "Exists", effect: "NoExecute" }],
      containers: [{ imagePullPolicy: "Always" }],
    });
    expect([pod.status, isStatic(pod), isMirror(pod)]).toEqual([{ phase: "Pending", qosClass: "BestEffort" }, true, false]);
  });

  test("is another when the file says something else, or is another file, or of another node", () => {
    const uid = (...args: Parameters<typeof read>) => read(...args).metadata.uid;
    const same = uid(text("web"));
    expect(uid("kind: Pod\nmetadata: {name: web}\napiVersion: v1\nspec: {containers: [{image: i, name: c}]}")).toBe(same);
    expect(new Set([same, uid(text("web", "  labels: {a: b}\n")), uid(text("web"), "/m/other.yaml"), uid(text("web"), "/m/web.yaml", "n2")]).size).toBe(4);
    expect(uid(text("web", "  uid: mine\n  namespace: kube-system\n"))).toBe("mine");
  });

  test("tolerates what ends others once", () => {
    const pod = asStaticPod(read(text("web")), "/m/web.yaml", "n", "t");
    expect(pod.spec.tolerations).toHaveLength(1);
  });

  test.each([
    ["kind: Service\napiVersion: v1\n", "it must be a Pod of v1"],
    ["", "it must be a Pod of v1"],
    ["apiVersion: v1\nkind: Pod\nspec: {containers: [{name: c, image: i}]}\n", "name is needed for the pod"],
    [text("web", "  uid: ../../../etc\n"), "uid may not contain '/'"],
    [text("web", "  uid: ..\n"), "uid may not be '..'"],
    [text("Web_1"), "metadata.name: Invalid value"],
    [text("web", "", "  hostNetwork: maybe\n"), "hostNetwork"],
    [text("web", "", "  restartPolicy: Sometimes\n"), "spec.restartPolicy"],
    [text("web", "", "  serviceAccountName: admin\n"), "static pods may not reference serviceaccounts"],
    [text("web", "", "  volumes: [{name: v, secret: {secretName: s}}]\n"), "static pods may not reference secrets"],
    [text("web", "", "  volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]\n"), "static pods may not reference persistentvolumeclaims"],
  ])("that cannot run without the API, or at all, is refused: %#", (content, message) => {
    expect(() => read(content)).toThrow(message);
  });
});

describe("mirrors", () => {
  const node: Node = { apiVersion: "v1", kind: "Node", metadata: { name: "n1", uid: "u1" } };
  const web = read(text("web"), "/m/web.yaml", "n1");
  const changed = read(text("web", "  labels: {a: b}\n"), "/m/web.yaml", "n1");
  const plan = (statics: readonly Pod[], mirrors: readonly Pod[], ending: readonly Pod[] = [], owner: Node | undefined = node) => planMirrors({ statics, mirrors, ending, node: owner });
  const mirror = plan([web], [])[0]?.pod as Pod; // a pod without one gets one
  const shown: Pod = { ...mirror, metadata: { ...mirror.metadata, uid: "m1" } };
  const steps = (actions: ReturnType<typeof plan>) => actions.map(({ do: what, pod }) => `${what} ${pod.metadata.uid ?? "new"}`);

  test("are the pod with its hash, and belong to the Node", () => {
    const hash = web.metadata.uid;
    expect(mirror).toEqual({
      apiVersion: "v1",
      kind: "Pod",
      spec: web.spec,
      metadata: {
        name: "web-n1",
        namespace: "default",
        annotations: { ...web.metadata.annotations, "kubernetes.io/config.mirror": hash },
        ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "n1", uid: "u1", controller: true }],
      },
    });
    expect([isMirror(mirror), isStatic(mirror), isMirrorOf(mirror, web), isMirrorOf(mirror, changed)]).toEqual([true, false, true, false]);
  });

  test.each<[string, readonly string[], readonly string[]]>([
    ["are left alone when they are right", steps(plan([web], [shown])), []],
    ["wait for the Node", steps(planMirrors({ statics: [web], mirrors: [], ending: [], node: undefined })), []],
    ["go when there is no such file", steps(plan([], [shown])), ["delete m1"]],
    ["stay until what they show has ended", steps(plan([], [shown], [web])), []],
    ["are made again when they are deleted", steps(plan([web], [{ ...shown, metadata: { ...shown.metadata, deletionTimestamp: "t" } }])), ["delete m1", "create new"]],
    ["are made again when the file says something else", steps(plan([changed], [shown])), ["delete m1", "create new"]],
    ["but not before the pod of before has ended", steps(plan([changed], [shown], [web])), []],
  ])("%s", (_what, actual, expected) => {
    expect(actual).toEqual(expected);
  });
});

describe("a folder of manifests", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "manifests-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, content: string) => writeFileSync(path.join(folder, name), content);
  const follow = (clock: Clock = new VirtualClock(), place = folder) => {
    const told: string[][] = [];
    const judged: string[] = [];
    const manifests = new ManifestFolder({
      place,
      read: (content, file) => {
        judged.push(path.basename(file));
        return read(content, file);
      },
      onPods: (pods) => told.push(pods.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)),
      clock,
      logger: silentLogger,
      lookMs: 20_000,
    });
    const running = new AbortController();
    const ended = runServices([manifests.asService()], running.signal);
    return { told, judged, stop: async () => (running.abort(), await ended) };
  };

  test("is read at once: all files but those with a dot before their name, folders and what is no pod; of two with one name the later counts", async () => {
    write("b.json", JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "b" }, spec: { containers: [{ name: "c", image: "i" }] } }));
    write("a.yaml", text("a", "  namespace: x\n"));
    write("c.yaml", text("a", "  namespace: x\n  labels: {l: m}\n"));
    write(".hidden.yaml", text("hidden"));
    write("broken.yaml", "a: [");
    mkdirSync(path.join(folder, "folder"));
    const { told, stop } = follow();
    expect(told).toEqual([["x/a-n1", "default/b-n1"]]);
    await stop();
  });

  test("is watched, and a file that is being written counts as what it was", async () => {
    write("a.yaml", text("a"));
    const { told, stop } = follow(systemClock);
    write("b.yaml", text("b"));
    await expect.poll(() => told.at(-1)).toEqual(["default/a-n1", "default/b-n1"]);
    write("a.yaml", "apiVersion: v1\nkind: Pod\nmeta");
    write("c.yaml", text("c"));
    await expect.poll(() => told.at(-1)).toEqual(["default/a-n1", "default/b-n1", "default/c-n1"]);
    rmSync(path.join(folder, "b.yaml"));
    await expect.poll(() => told.at(-1)).toEqual(["default/a-n1", "default/c-n1"]);
    await stop();
  });

  test("is looked at now and then as well, as when it comes later; a file that stays broken is none", async () => {
    const clock = new VirtualClock();
    const place = path.join(folder, "later");
    const { told, stop } = follow(clock, place);
    await clock.advance(1_000);
    expect(told).toEqual([]);
    mkdirSync(path.join(folder, "made"));
    write("made/a.yaml", text("a"));
    renameSync(path.join(folder, "made"), place);
    await clock.advance(20_000);
    expect(told).toEqual([["default/a-n1"]]);
    write("later/a.yaml", "no pod");
    await clock.advance(45_000);
    expect(told).toEqual([["default/a-n1"], []]);
    await stop();
  });

  test("with two pods of one uid has the first of them", async () => {
    write("a.yaml", text("a", "  uid: one\n"));
    write("b.yaml", text("b", "  uid: one\n"));
    write("c.yaml", text("c"));
    const { told, stop } = follow();
    expect(told).toEqual([["default/a-n1", "default/c-n1"]]);
    await stop();
  });

  test("may be one file", async () => {
    write("a.yaml", text("a"));
    const { told, stop } = follow(new VirtualClock(), path.join(folder, "a.yaml"));
    expect(told).toEqual([["default/a-n1"]]);
    await stop();
  });

  test("is read past a link to itself, and a file in whose place there is one counts as what it was", async () => {
    const clock = new VirtualClock();
    symlinkSync("loop.yaml", path.join(folder, "loop.yaml"));
    write("a.yaml", text("a"));
    const { told, stop } = follow(clock);
    expect(told).toEqual([["default/a-n1"]]);
    rmSync(path.join(folder, "a.yaml"));
    symlinkSync("a.yaml", path.join(folder, "a.yaml"));
    write("b.yaml", text("b"));
    await clock.advance(45_000);
    expect(told.at(-1)).toEqual(["default/a-n1", "default/b-n1"]);
    rmSync(path.join(folder, "a.yaml"));
    await clock.advance(45_000);
    expect(told.at(-1)).toEqual(["default/b-n1"]);
    await stop();
  });

  test("is judged once, not at every look, whatever is in it", async () => {
    const clock = new VirtualClock();
    write("a.yaml", text("a"));
    write("broken.yaml", "a: [");
    const { judged, stop } = follow(clock);
    await clock.advance(100_000);
    expect(judged).toEqual(["a.yaml", "broken.yaml"]);
    await stop();
  });
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { measurePod, parseWritableLayers } from "../../../../node-agent/resources/measure-pods.ts";
import { isMountedOnItself, parseMounts } from "../../../../node-agent/volumes/mounts.ts";
import { aPod } from "../../../kit/objects.ts";

const MI = 2 ** 20;

test("what containers write into their pod's hosts file and their last words counts as the pod's", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "measure-"));
  try {
    const places = { podsDir: path.join(folder, "pods"), logsDir: path.join(folder, "logs"), cgroupRoot: "none" };
    const pod = { ...aPod("p"), metadata: { name: "p", namespace: "n", uid: "u" } };
    const measured = async () => (await measurePod(pod, undefined, [], places, true)).diskBytes;
    expect(await measured()).toBe(0);
    mkdirSync(path.join(places.podsDir, "u", "containers", "c"), { recursive: true });
    writeFileSync(path.join(places.podsDir, "u", "etc-hosts"), Buffer.alloc(2 * MI, "x"));
    writeFileSync(path.join(places.podsDir, "u", "containers", "c", "0.message"), Buffer.alloc(3 * MI, "x"));
    expect(await measured()).toBeGreaterThanOrEqual(5 * MI);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the kernel's list of mounts tells where containers write, and what is bound where", () => {
  const id = "a".repeat(64);
  const text = `57 27 0:45 / /d/state/task/k8s.io/${id}/rootfs rw,relatime - overlay overlay rw,lowerdir=/d/1/fs,upperdir=/d/4/fs,workdir=/d/4/work,uuid=on\n58 27 254:0 /data/with\\040space /pods/x rw - ext4 /dev/vda rw\n`;
  expect(parseWritableLayers(text)).toEqual(new Map([[id, "/d/4/fs"]]));
  expect(parseMounts(text)[1]).toEqual({ device: "254:0", root: "/data/with space", place: "/pods/x", isShared: false });
  const mounts = [
    { device: "8:1", root: "/", place: "/", isShared: false },
    { device: "8:1", root: "/var/lib/kubelet", place: "/var/lib/kubelet", isShared: true },
    { device: "8:2", root: "/", place: "/disk", isShared: false },
    { device: "8:1", root: "/srv", place: "/bound", isShared: false },
  ];
  expect(["/var/lib/kubelet", "/disk", "/bound", "/var/lib"].map((place) => isMountedOnItself(mounts, place))).toEqual([true, false, false, false]);
  expect(parseMounts("42 27 254:0 / /run rw,relatime shared:1 - ext4 /dev/vda rw")[0]?.isShared).toBe(true);
});

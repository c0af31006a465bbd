import { expect, test } from "vitest";
import { readChainId, readSnapshotter, type ImageSnapshots } from "../../../../node-agent/cri/image-snapshots.ts";
import { createImageMounts, planMount } from "../../../../node-agent/images/image-mounts.ts";

test.each([
  ["one layer", { type: "bind", source: "/s/1/fs", options: ["ro", "rbind"] }, ["-t", "overlay", "-o", "ro,lowerdir=s/1/fs:p", "overlay", "/p"], "/"],
  [
    "several layers",
    { type: "overlay", source: "overlay", options: ["index=off", "lowerdir=/s/snapshots/12/fs:/s/snapshots/3/fs"] },
    ["-t", "overlay", "-o", "ro,index=off,lowerdir=12/fs:3/fs", "overlay", "/p"],
    "/s/snapshots",
  ],
  [
    "layers in folders of which one begins like the other",
    { type: "overlay", source: "overlay", options: ["lowerdir=/s/1/fs:/s/11/fs"] },
    ["-t", "overlay", "-o", "ro,lowerdir=1/fs:11/fs", "overlay", "/p"],
    "/s",
  ],
  ["a device", { type: "ext4", source: "/dev/mapper/x", options: ["ro", "noload"] }, ["-t", "ext4", "-o", "ro,noload", "/dev/mapper/x", "/p"], "/"],
])("an image of %s is mounted to be read and to be run, and not to be written", (_what, mount, args, cwd) => {
  expect(planMount(mount, "/p")).toEqual({ args, cwd });
});

test("what means something to mount in the path of a volume is a part of its name", () => {
  expect(planMount({ type: "bind", source: "/s/1/fs", options: ["ro", "rbind"] }, "/a:b,c\\d/p").args[3]).toBe("ro,lowerdir=s/1/fs:a\\:b\\,c\\\\d/p");
});

test("an image of very many layers stays below the page that the kernel takes", () => {
  const layers = Array.from({ length: 127 }, (_, index) => `/var/lib/mainstay/agent/containerd/root/io.containerd.snapshotter.v1.overlayfs/snapshots/${10_000 + index}/fs`);
  const { args } = planMount({ type: "overlay", source: "overlay", options: [`lowerdir=${layers.join(":")}`] }, "/p");
  expect(args[3]?.length).toBeLessThan(4096);
});

test("images are let go with their pod, and at the agent's start those of pods that are gone", async () => {
  const kept = new Map([
    ["mainstay/a/v", "a"],
    ["mainstay/a/w", "a"],
    ["mainstay/b/v", "b"],
    ["mainstay/c/v", "c"],
  ]);
  const snapshots: ImageSnapshots = {
    keep: () => Promise.reject(new Error("not asked for here")),
    list: async () => [...kept].map(([key, podUid]) => ({ key, podUid })),
    drop: async (key) => void kept.delete(key),
    close: () => {},
  };
  const mounts = createImageMounts(snapshots);
  await mounts.release("a");
  expect([...kept.values()]).toEqual(["b", "c"]);
  await mounts.releaseOthers(new Set(["c"]));
  expect([...kept.values()]).toEqual(["c"]);
});

test("what containerd tells beyond CRI says the topmost layer and the snapshotter", () => {
  expect(readChainId({ info: '{"chainID":"sha256:1","imageSpec":{}}' })).toBe("sha256:1");
  expect(readChainId({})).toBeUndefined();
  expect(readSnapshotter({ config: '{"containerd":{"snapshotter":"btrfs"}}' })).toBe("btrfs");
  expect(readSnapshotter({})).toBe("overlayfs");
});

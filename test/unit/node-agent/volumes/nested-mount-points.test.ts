import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import type { Pod, VolumeMount } from "../../../../engine/resources/types.ts";
import { nestedMountPoints } from "../../../../node-agent/volumes/nested-mount-points.ts";
import { mountProjected } from "../../../../node-agent/volumes/projected-volume.ts";
import type { VolumeSources } from "../../../../node-agent/volumes/volume-plugin.ts";
import { aPod } from "../../../kit/objects.ts";

const at = (mountPath: string, name = "other", more: Partial<VolumeMount> = {}): VolumeMount => ({ name, mountPath, ...more });
const podWith = (...mounts: VolumeMount[][]): Pod =>
  aPod("web", {
    spec: { containers: mounts.map((volumeMounts, index) => ({ name: `c${index}`, image: "a:1", volumeMounts })), volumes: [{ name: "v", configMap: { name: "app" } }] },
  });

test.each<[string, VolumeMount[][], string[]]>([
  ["none beside it, nor above it", [[at("/etc/app", "v"), at("/etc"), at("/etc/app-2"), at("/etc/app")]], []],
  [
    "those in it, once each",
    [
      [at("/etc/app/", "v"), at("/etc/app/tls"), at("/etc/app/a/b")],
      [at("/x", "v"), at("/x/tls")],
    ],
    ["tls", "a/b"],
  ],
  ["none of those in others", [[at("/etc/app", "v"), at("/etc/app/tls/x"), at("/etc/app/tls"), at("/etc/app/tls-2")]], ["tls", "tls-2"]],
  ["none where only a part of it is mounted", [[at("/etc/app", "v", { subPath: "x" }), at("/etc/app/tls")]], []],
  ["those at the root", [[at("/", "v"), at("/tls")]], ["tls"]],
])("of the mounts of a pod, a volume has to have places for %s", (_what, mounts, places) => {
  expect(nestedMountPoints(podWith(...mounts), "v")).toEqual(places);
});

test("what is mounted in a volume stays when its files change, and a file stands where its path leads", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "nested-"));
  let data: Record<string, string> = { mode: "slow", tls: "hidden" };
  const sources = { configMap: async () => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "app" }, data }) } as unknown as VolumeSources; // nothing else of it is asked
  const pod = podWith([at("/etc/app", "v"), at("/etc/app/tls/cert"), at("/etc/app/mode", "file"), at("/etc/app/..data")]);
  const show = (items?: { key: string; path: string }[]) => mountProjected(pod, { name: "v", configMap: { name: "app", ...(items === undefined ? {} : { items }) } }, folder, sources);
  try {
    const place = await show();
    expect([existsSync(path.join(place, "tls/cert")), readFileSync(path.join(place, "mode"), "utf8")]).toEqual([true, "slow"]);
    data = { mode: "fast" };
    await show();
    expect([existsSync(path.join(place, "tls/cert")), readFileSync(path.join(place, "mode"), "utf8")]).toEqual([true, "fast"]);
    await show([{ key: "mode", path: "./themes//dark/./mode" }]);
    expect([readdirSync(place).filter((name) => !name.startsWith("..")), readFileSync(path.join(place, "themes/dark/mode"), "utf8")]).toEqual([["themes", "tls"], "fast"]);
    await expect(show([{ key: "mode", path: "./" }])).rejects.toThrow('"./" is no path of a file');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

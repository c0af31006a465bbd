import { describe, expect, test } from "vitest";
import type { Pod } from "../../../../engine/resources/types.ts";
import { ExclusiveClaims } from "../../../../node-agent/volumes/exclusive-claims.ts";
import type { VolumeSources } from "../../../../node-agent/volumes/volume-plugin.ts";
import { mountVolumes } from "../../../../node-agent/volumes/volumes.ts";
import { aPod } from "../../../kit/objects.ts";

const user = (name: string, claimName = "c", containerID?: string): Pod => ({
  ...aPod(name, { spec: { containers: [{ name: "c", volumeMounts: [{ name: "v", mountPath: "/v" }] }], volumes: [{ name: "v", persistentVolumeClaim: { claimName } }] } }),
  status: { containerStatuses: containerID === undefined ? [] : [{ name: "c", image: "i", imageID: "", ready: true, restartCount: 0, containerID }] },
});

describe("a claim for one pod alone", () => {
  test("is the first's who takes it, and another's when that one is gone", () => {
    const [a, b] = [user("a"), user("b")];
    let here = [a, b];
    const claims = new ExclusiveClaims(() => here);
    expect([claims.take(a, "c"), claims.take(b, "c"), claims.take(a, "c"), claims.take(b, "other")]).toEqual([true, false, true, true]);
    here = [b];
    expect(claims.take(b, "c")).toBe(true);
  });

  test("is theirs who have started with it, for an agent that remembers nothing", () => {
    const [running, waiting] = [user("a", "c", "containerd://1"), user("b")];
    const claims = new ExclusiveClaims(() => [waiting, running]);
    expect([claims.take(waiting, "c"), claims.take(running, "c")]).toEqual([false, true]);
  });

  test("is nobody else's concern: not of pods with other claims, nor of other namespaces", () => {
    const elsewhere = { ...user("a", "c", "containerd://1"), metadata: { ...user("a").metadata, namespace: "elsewhere" } };
    expect(new ExclusiveClaims(() => [user("b"), user("d", "other", "containerd://2"), elsewhere]).take(user("b"), "c")).toBe(true);
  });
});

test.each([
  ["ReadWriteOncePod", "volume uses the ReadWriteOncePod access mode and is already in use by another pod"],
  ["ReadWriteOnce", 'path "/nowhere" does not exist'],
])("a volume is asked for alone only where it is for one pod: %s", async (mode, failure) => {
  const claim = { metadata: { name: "c", namespace: "default", uid: "u" }, status: { phase: "Bound" }, spec: { volumeName: "pv" } };
  const persistent = { metadata: { name: "pv" }, spec: { accessModes: [mode], claimRef: { uid: "u" }, local: { path: "/nowhere" } } };
  const sources = {
    claim: async () => claim,
    persistentVolume: async () => persistent,
    takeExclusively: (_pod: Pod, name: string) => name !== "c",
    csi: { follows: () => false },
  } as unknown as VolumeSources; // nothing else is used
  await expect(mountVolumes(user("p"), "/none", sources)).rejects.toThrow(failure);
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { networkNamespaces } from "../../../../node-agent/cri/network-namespaces.ts";

test("the network namespaces of an agent's pods are those that its sandboxes were given; a machine's own is none of them", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "namespaces-"));
  try {
    expect(networkNamespaces(folder)).toEqual([]);
    const bundles = path.join(folder, "containerd", "state", "io.containerd.runtime.v2.task", "k8s.io");
    const bundle = (id: string, namespaces?: readonly unknown[]) => {
      mkdirSync(path.join(bundles, id), { recursive: true });
      if (namespaces !== undefined) writeFileSync(path.join(bundles, id, "config.json"), JSON.stringify({ linux: { namespaces } }));
    };
    bundle("sandbox", [{ type: "pid" }, { type: "network", path: "/var/run/netns/cni-1" }]);
    bundle("container", [{ type: "mount" }, { type: "network", path: "/proc/17/ns/net" }]);
    bundle("sandbox-of-host", [{ type: "pid" }]);
    bundle("not-begun");
    // As a machine leaves it that lost its power.
    bundle("cut-short", []);
    writeFileSync(path.join(bundles, "cut-short", "config.json"), "");
    expect(networkNamespaces(folder)).toEqual(["/var/run/netns/cni-1"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

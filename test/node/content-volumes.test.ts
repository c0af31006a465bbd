import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, requireRoot } from "../kit/mainstay.ts";
import { container, shell, startRealNode, type RealNode } from "./real-node.ts";

const canRun = requireRoot();
let node: RealNode;
beforeAll(async () => {
  if (canRun) node = await startRealNode("cv", undefined, { MAINSTAY_SYNC_FREQUENCY: "10s" });
}, 180_000);
afterAll(() => node?.stop(), 120_000);

const configMap = (data: object) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "app", namespace: "default" }, data });

test.skipIf(!canRun)("volumes of objects have others mounted inside of them, also when they change, and files in folders", { timeout: 120_000 }, async () => {
  await node.apply(configMap({ mode: "slow", colors: "grey" }), { apiVersion: "v1", kind: "Secret", metadata: { name: "tls", namespace: "default" }, stringData: { key: "k3y" } });
  const items = [
    { key: "mode", path: "./mode" },
    { key: "colors", path: "themes//dark/colors" },
  ];
  await node.create("app", {
    containers: [
      shell("sleep 1000", {
        volumeMounts: [
          { name: "config", mountPath: "/etc/app" },
          { name: "tls", mountPath: "/etc/app/secrets/tls" },
          { name: "scratch", mountPath: "/etc/app/secrets/tls/scratch" },
        ],
      }),
    ],
    volumes: [
      { name: "config", configMap: { name: "app", items } },
      { name: "tls", projected: { sources: [{ secret: { name: "tls" } }] } },
      { name: "scratch", emptyDir: {} },
    ],
  });
  await node.until("app", (pod) => container(pod)?.ready === true, 60_000);
  const read = () =>
    node.kubectl("exec", "app", "--", "sh", "-c", "cd /etc/app; cat mode themes/dark/colors secrets/tls/key; echo; ls; echo written > secrets/tls/scratch/x && cat secrets/tls/scratch/x");
  expect(await read()).toBe("slowgreyk3y\nmode\nsecrets\nthemes\nwritten\n");
  await node.apply(configMap({ mode: "fast", colors: "blue" }));
  await eventually(read, (text) => text === "fastbluek3y\nmode\nsecrets\nthemes\nwritten\n", 60_000);
});

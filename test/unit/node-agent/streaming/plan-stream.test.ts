import type { IncomingHttpHeaders } from "node:http";
import { expect, test } from "vitest";
import type { Pod } from "../../../../engine/resources/types.ts";
import type { ContainerState, Runtime } from "../../../../node-agent/cri/runtime.ts";
import { planStreamTarget } from "../../../../node-agent/streaming/plan-stream.ts";

const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "shop", uid: "u" }, spec: { containers: [{ name: "c" }] } };
const plan = (path: string, state: ContainerState["state"], headers: IncomingHttpHeaders = {}) => {
  const runtime = {
    listSandboxes: async () => [{ id: "s", isReady: true, attempt: 0 }],
    listContainers: async () => [{ id: "id", name: "c", attempt: 0, state } as ContainerState],
  } as unknown as Runtime; // nothing else of it is asked
  return planStreamTarget({ pods: () => [pod], runtime }, new URL(`https://node/${path}`), headers);
};

test("a command runs in a container that runs; of any other it is told that there is none", async () => {
  await expect(plan("exec/shop/web/c?command=ls&output=1", "running")).resolves.toMatchObject({ do: "exec", containerId: "id", command: ["ls"] });
  await expect(plan("exec/shop/web/c?command=ls&output=1", "exited")).rejects.toMatchObject({ code: 500, message: 'container not found ("c")' });
  await expect(plan("exec/shop/web/other?command=ls&output=1", "running")).rejects.toMatchObject({ code: 500, message: 'container not found ("other")' });
  await expect(plan("attach/shop/web/c?output=1", "exited")).rejects.toMatchObject({ code: 500, message: "container c not found in pod web_shop" });
});

test("a terminal has one output, also for who asks for its errors", async () => {
  const options = async (path: string) => ((await plan(path, "running")) as { readonly options: object }).options;
  const asked = "web/c?command=sh&input=1&output=1&error=1&tty=1";
  expect(await options(`exec/shop/${asked}`)).toEqual({ stdin: true, stdout: true, stderr: false, tty: true });
  // The container was made without one.
  expect(await options(`attach/shop/${asked}`)).toEqual({ stdin: true, stdout: true, stderr: true, tty: false });
});

test("of a pod that is another than the one that is meant there are no streams", async () => {
  for (const verb of ["exec", "attach"]) await expect(plan(`${verb}/shop/web/old/c?command=ls&output=1`, "running")).rejects.toMatchObject({ code: 404, message: "pod not found" });
  await expect(plan("portForward/shop/web/old", "running")).rejects.toMatchObject({ code: 404, message: "pod not found" });
  await expect(plan("portForward/shop/web/u", "running")).resolves.toMatchObject({ sandboxId: "s" });
});

test("a WebSocket with a pair of channels for each port says which ports", async () => {
  const forward = (ports: string, protocol?: string) =>
    plan(`portForward/shop/web${ports}`, "running", { upgrade: "websocket", ...(protocol === undefined ? {} : { "sec-websocket-protocol": protocol }) });
  await expect(forward("", "v4.channel.k8s.io")).rejects.toMatchObject({ code: 400, message: 'query parameter "port" is required' });
  await expect(forward("?port=80&port=81", "v4.channel.k8s.io")).resolves.toMatchObject({ ports: [80, 81] });
  await expect(forward("", "SPDY/3.1+portforward.k8s.io")).resolves.toMatchObject({ ports: [] });
  await expect(plan("portForward/shop/web", "running", { upgrade: "SPDY/3.1" })).resolves.toMatchObject({ ports: [] });
});

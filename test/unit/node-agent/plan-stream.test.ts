import { expect, test } from "vitest";
import type { Pod } from "../../../engine/resources/types.ts";
import type { ContainerState, Runtime } from "../../../node-agent/cri/runtime.ts";
import { planStreamTarget } from "../../../node-agent/streaming/plan-stream.ts";

const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "shop", uid: "u" }, spec: { containers: [{ name: "c" }] } };
const plan = (path: string, state: ContainerState["state"]) => {
  const runtime = { listContainers: async () => [{ id: "id", name: "c", attempt: 0, state } as ContainerState] } as unknown as Runtime; // nothing else of it is asked
  return planStreamTarget({ pods: () => [pod], runtime }, new URL(`https://node/${path}`));
};

test("a command runs in a container that runs; of any other it is told that there is none", async () => {
  await expect(plan("exec/shop/web/c?command=ls&output=1", "running")).resolves.toMatchObject({ do: "exec", containerId: "id", command: ["ls"] });
  await expect(plan("exec/shop/web/c?command=ls&output=1", "exited")).rejects.toMatchObject({ code: 500, message: 'container not found ("c")' });
  await expect(plan("exec/shop/web/other?command=ls&output=1", "running")).rejects.toMatchObject({ code: 404, message: 'container not found ("other")' });
});

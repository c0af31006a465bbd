import { expect, it } from "vitest";
import { controlPlaneChecks } from "../../../../engine/elected-services.ts";
import { formatMicroTime, systemClock } from "../../../../engine/lib/clock.ts";
import { leaseResource } from "../../../../engine/resources/coordination/lease.ts";
import { componentStatusResource } from "../../../../engine/resources/core/component-status.ts";
import { readComponentStatuses } from "../../../../engine/server/virtual-resources/component-statuses.ts";
import { startTestApi } from "../../../kit/test-api.ts";

it("the parts of the control plane tell how they are whenever somebody asks, and a warning says that nobody should", async () => {
  await using api = await startTestApi();
  const { items } = await api.client.for(componentStatusResource).list("");
  expect(items.map(({ metadata, conditions }) => [metadata.name, conditions?.[0]])).toEqual([["etcd-0", { type: "Healthy", status: "True", message: "ok" }]]);
  await expect(api.client.for(componentStatusResource).get("", "none")).rejects.toThrow('componentstatuses "none" not found');
  const request = {
    verb: "list",
    user: { username: "root", groups: ["system:masters"] },
    userAgent: "test",
    resource: { group: "", version: "v1", resource: "componentstatuses" },
    options: {},
  } as const;
  const result = await api.server.handle(request);
  expect("warnings" in result && result.warnings).toEqual(["v1 ComponentStatus is deprecated in v1.19+"]);
});

it("controllers and scheduler of several servers are well while one of them leads", async () => {
  await using api = await startTestApi();
  const ask = async () => {
    await api.store.caughtUp();
    return (await readComponentStatuses({ store: api.store, components: controlPlaneChecks(true, api.store, systemClock) }, "scheduler"))[0]?.conditions?.[0];
  };
  expect(await ask()).toMatchObject({ status: "False", message: "no server leads" });
  const lease = (agoMs: number) => ({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "mainstay-control-plane", namespace: "kube-system" },
    spec: { holderIdentity: "one", leaseDurationSeconds: 15, renewTime: formatMicroTime(systemClock.now() - agoMs) },
  });
  await api.client.for(leaseResource).create(lease(0));
  expect(await ask()).toMatchObject({ status: "True", message: "ok" });
  await api.client.for(leaseResource).patch("kube-system", "mainstay-control-plane", "merge", { spec: lease(600_000).spec });
  expect(await ask()).toMatchObject({ status: "False", message: expect.stringMatching(/^one has been silent for \d+ s$/) });
  expect((await readComponentStatuses({ store: api.store, components: controlPlaneChecks(false, api.store, systemClock) }, "controller-manager"))[0]?.conditions?.[0]).toMatchObject({
    status: "True",
  });
});

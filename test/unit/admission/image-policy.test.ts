import { describe, expect, test } from "vitest";
import { USUAL_SETTINGS } from "../../../engine/admission/admission-configuration.ts";
import type { AskImagePolicy } from "../../../engine/admission/plugins/image-policy.ts";
import { MetricsRegistry } from "../../../engine/lib/metrics.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { Auditor } from "../../../engine/server/audit/auditor.ts";
import type { Pod } from "../../../engine/resources/types.ts";
import { startTestApi } from "../../kit/test-api.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const pod = (name: string, image = "nginx:1", annotations: Readonly<Record<string, string>> = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", annotations },
  spec: { containers: [{ name: "c", image }], initContainers: [{ name: "i", image: "busybox:1" }] },
});
const answer = (status: object) => ({ apiVersion: "imagepolicy.k8s.io/v1alpha1", kind: "ImageReview", status });

async function guarded(answers: AskImagePolicy, allowsUnasked = false) {
  const asked: object[] = [];
  const clock = new VirtualClock();
  const audited: Readonly<Record<string, string>>[] = [];
  const auditor = new Auditor({
    policy: { rules: [{ level: "Metadata", resources: [{ resources: ["pods", "pods/*"] }], omitStages: ["RequestReceived"] }] },
    sinks: [{ write: (event) => void audited.push(event.annotations ?? {}), close: async () => {} }],
    clock,
    metrics: new MetricsRegistry(),
  });
  const ask: AskImagePolicy = (review) => {
    asked.push(review);
    return answers(review);
  };
  const imagePolicy = { kubeconfigFile: "/k", allowedTtlMs: 60_000, refusedTtlMs: 0, retryMs: 1, allowsUnasked };
  const api = await startTestApi({ clock, auditor, askImagePolicy: ask, admissionSettings: { ...USUAL_SETTINGS, imagePolicy }, admissionChoice: { enabled: ["ImagePolicyWebhook"], disabled: [] } });
  return { ...api, pods: api.client.for(podResource), asked, clock, audited };
}

describe("an image policy", () => {
  test("is told of images, the namespace, and annotations that are meant for it; its notes are recorded", async () => {
    await using api = await guarded(async () => answer({ allowed: true, auditAnnotations: { rule: "trusted" } }));
    await api.pods.create(pod("a", "nginx:1", { "team.image-policy.k8s.io/ticket": "7", other: "x" }));
    expect(api.asked).toEqual([
      {
        apiVersion: "imagepolicy.k8s.io/v1alpha1",
        kind: "ImageReview",
        metadata: {},
        spec: { containers: [{ image: "nginx:1" }, { image: "busybox:1" }], annotations: { "team.image-policy.k8s.io/ticket": "7" }, namespace: "default" },
        status: { allowed: false },
      },
    ]);
    expect(api.audited.at(-1)).toMatchObject({ "imagepolicywebhook.image-policy.k8s.io/rule": "trusted" });
  });

  test("refuses with its reason, or without one", async () => {
    await using api = await guarded(async (review) => answer(JSON.stringify(review).includes("evil") ? { allowed: false, reason: "known bad" } : { allowed: false }));
    await expect(api.pods.create(pod("a", "evil:1"))).rejects.toMatchObject({
      status: { code: 403, message: 'pods "a" is forbidden: image policy webhook backend denied one or more images: known bad' },
    });
    await expect(api.pods.create(pod("a", "odd:1"))).rejects.toThrow('pods "a" is forbidden: one or more images rejected by webhook backend');
  });

  test("is not asked again while its answer is good", async () => {
    await using api = await guarded(async () => answer({ allowed: true }));
    for (const name of ["a", "b"]) await api.pods.create(pod(name));
    expect(api.asked).toHaveLength(1);
    await api.clock.advance(61_000);
    await api.pods.create(pod("c"));
    expect(api.asked).toHaveLength(2);
  });

  test("judges debuggers by their own images", async () => {
    await using api = await guarded(async (review) => answer({ allowed: !JSON.stringify(review).includes("shell") }));
    const made = await api.pods.create(pod("a"));
    const debugged = { ...made, spec: { ...made.spec, ephemeralContainers: [{ name: "d", image: "shell:1" }] } };
    await expect(
      api.client.for(podResource).patch("default", "a", "merge", { spec: { ephemeralContainers: debugged.spec.ephemeralContainers } }, { subresource: "ephemeralcontainers" }),
    ).rejects.toThrow("one or more images rejected");
    expect(api.asked.at(-1)).toMatchObject({ spec: { containers: [{ image: "shell:1" }] } });
  });

  test("that cannot be asked, or does not answer as one, keeps pods out unless the operator said otherwise", async () => {
    const failing: AskImagePolicy = () => Promise.reject(new Error("POST https://images.test", { cause: new Error("connection refused") }));
    await using strict = await guarded(failing);
    await expect(strict.pods.create(pod("a"))).rejects.toThrow('pods "a" is forbidden: POST https://images.test: connection refused');
    await using open = await guarded(failing, true);
    await open.pods.create(pod("a"));
    expect(open.audited.at(-1)).toMatchObject({ "imagepolicywebhook.image-policy.k8s.io/failed-open": "true" });
    await using odd = await guarded(async () => ({ kind: "TokenReview", apiVersion: "authentication.k8s.io/v1", status: { allowed: true } }));
    await expect(odd.pods.create(pod("a"))).rejects.toThrow("the answer is no ImageReview of imagepolicy.k8s.io/v1alpha1");
  });
});

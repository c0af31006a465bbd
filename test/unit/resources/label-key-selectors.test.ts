import { describe, expect, it } from "vitest";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { withLabelKeySelectors } from "../../../engine/resources/label-key-selectors.ts";
import type { Pod, PodAffinityTerm, PodSpec } from "../../../engine/resources/types.ts";

const labels = { app: "web", "pod-template-hash": "5c7" };
const pod = (spec: Partial<PodSpec>): Pod => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "n", labels }, spec: { containers: [{ name: "c", image: "i" }], ...spec } });
const term = (keys: Partial<PodAffinityTerm>): PodAffinityTerm => ({ topologyKey: "zone", labelSelector: { matchLabels: { tier: "front" } }, ...keys });
const terms = (...required: PodAffinityTerm[]) => pod({ affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } } });
const near = (keys: Partial<PodAffinityTerm>) => terms(term(keys));
const refusals = (of: Pod) => (podResource.strategy.validate?.(withLabelKeySelectors(of)) ?? []).map(({ field, message }) => `${field}: ${message}`);

describe("the labels that a new pod is to share with others, or not", () => {
  it("become expressions of its selectors, with its own values of them", () => {
    const { affinity, topologySpreadConstraints } = withLabelKeySelectors(
      pod({
        affinity: {
          podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term({ matchLabelKeys: ["pod-template-hash"], mismatchLabelKeys: ["app"] })] },
          podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term({ matchLabelKeys: ["app", "unknown"] }) }] },
        },
        topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", labelSelector: {}, matchLabelKeys: ["app"] }],
      }),
    ).spec;
    const isWeb = { key: "app", operator: "In", values: ["web"] };
    expect(affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.[0]?.labelSelector).toEqual({
      matchLabels: { tier: "front" },
      matchExpressions: [
        { key: "pod-template-hash", operator: "In", values: ["5c7"] },
        { key: "app", operator: "NotIn", values: ["web"] },
      ],
    });
    expect(affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution?.[0]?.podAffinityTerm.labelSelector?.matchExpressions).toEqual([isWeb]);
    expect(topologySpreadConstraints?.[0]?.labelSelector).toEqual({ matchExpressions: [isWeb] });
    expect(
      podResource.strategy.prepareForCreate?.(near({ matchLabelKeys: ["app"] })).spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.[0]?.labelSelector?.matchExpressions,
    ).toEqual([isWeb]);
  });

  it("leave a pod as it is that names none", () => {
    const plain = near({});
    expect(withLabelKeySelectors(plain)).toBe(plain);
  });

  it("are fine beside labels that are selected by hand", () => {
    expect(refusals(near({ matchLabelKeys: ["app"], mismatchLabelKeys: ["pod-template-hash"] }))).toEqual([]);
  });

  it.each<[string, PodAffinityTerm, string]>([
    ["want a selector", { topologyKey: "zone", matchLabelKeys: ["app"] }, "matchLabelKeys: Forbidden: must not be specified when labelSelector is not set"],
    ["are not selected by hand as well", term({ labelSelector: { matchLabels: { app: "web" } }, matchLabelKeys: ["app"] }), 'Invalid value: "app": exists in both matchLabelKeys and labelSelector'],
    ["are not to be shared and not shared at once", term({ matchLabelKeys: ["app"], mismatchLabelKeys: ["app"] }), 'Invalid value: "app": exists in both matchLabelKeys and mismatchLabelKeys'],
    ["have names of labels", term({ mismatchLabelKeys: ["a b"] }), "mismatchLabelKeys[0]: Invalid value"],
  ])("%s", (_what, wanted, refusal) => expect(refusals(terms(wanted)).join("\n")).toContain(refusal));
});

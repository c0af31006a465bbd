import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { mutatingAdmissionPolicyBindingResource } from "../../../engine/resources/admissionregistration/mutating-admission-policy-binding.ts";
import { mutatingAdmissionPolicyResource } from "../../../engine/resources/admissionregistration/mutating-admission-policy.ts";
import { validatingAdmissionPolicyBindingResource } from "../../../engine/resources/admissionregistration/validating-admission-policy-binding.ts";
import { validatingAdmissionPolicyResource } from "../../../engine/resources/admissionregistration/validating-admission-policy.ts";
import { validatingWebhookConfigurationResource } from "../../../engine/resources/admissionregistration/validating-webhook-configuration.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { configMapYaml, namespaceYaml } from "../../kit/git.ts";
import { startGitCluster, type GitCluster, type WorkingCopy } from "../../kit/git-cluster.ts";

let cluster: GitCluster;
let copy: WorkingCopy;
beforeEach(async () => {
  cluster = await startGitCluster();
  copy = await cluster.clone();
});
afterEach(() => cluster[Symbol.asyncDispose]());

const GROUP = "admissionregistration.k8s.io/v1";
const RULES = [{ operations: ["CREATE", "UPDATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] }];
const configMaps = () => cluster.client.for(configMapResource);

describe("commits pass the cluster's own rules before anything changes", () => {
  test("what a policy denies refuses the whole commit, and names the line", async () => {
    await cluster.client.for(validatingAdmissionPolicyResource).create({
      apiVersion: GROUP,
      kind: "ValidatingAdmissionPolicy",
      metadata: { name: "no-secrets" },
      spec: { matchConstraints: { resourceRules: RULES }, validations: [{ expression: "!('password' in object.data) || namespaceObject.metadata.name == 'vault'", message: "no passwords here" }] },
    });
    await cluster.client
      .for(validatingAdmissionPolicyBindingResource)
      .create({ apiVersion: GROUP, kind: "ValidatingAdmissionPolicyBinding", metadata: { name: "no-secrets" }, spec: { policyName: "no-secrets", validationActions: ["Deny"] } });
    await copy.commit({ "good.yaml": configMapYaml("good", { color: "blue" }), "bad.yaml": configMapYaml("bad", { password: "x" }) });
    const { code, text } = await copy.push();
    expect(code).not.toBe(0);
    expect(text).toMatch(/bad\.yaml:1 .*ValidatingAdmissionPolicy 'no-secrets' with binding 'no-secrets' denied request: no passwords here/);
    expect((await configMaps().list("default")).items.map(({ metadata }) => metadata.name)).not.toContain("good");
    // A namespace that comes with the commit is known to policies as well.
    await copy.commit({ "bad.yaml": undefined, "vault.yaml": `${namespaceYaml("vault")}---\n${configMapYaml("bad", { password: "x" }).replace("metadata:\n", "metadata:\n  namespace: vault\n")}` });
    expect((await copy.push()).code).toBe(0);
    expect((await configMaps().get("vault", "bad")).data).toEqual({ password: "x" });
  });

  test("a webhook that must be asked and cannot be refuses it by name", async () => {
    await cluster.client.for(validatingWebhookConfigurationResource).create({
      apiVersion: GROUP,
      kind: "ValidatingWebhookConfiguration",
      metadata: { name: "hooks" },
      webhooks: [
        {
          name: "gone.example.com",
          clientConfig: { url: "https://127.0.0.1:1/" },
          rules: RULES,
          sideEffects: "NoneOnDryRun",
          admissionReviewVersions: ["v1"],
          matchConditions: [{ name: "only", expression: "'asked' in object.data" }],
        },
      ],
    });
    await copy.commit({ "a.yaml": configMapYaml("a", { asked: "yes" }) });
    const { code, text } = await copy.push();
    expect(code).not.toBe(0);
    expect(text).toContain('failed calling webhook "gone.example.com"');
    await copy.commit({ "a.yaml": configMapYaml("a", { color: "blue" }) });
    expect((await copy.push()).code).toBe(0);
  });

  test("what a policy adds is neither a change nor a drift of the next commit", async () => {
    await cluster.client.for(mutatingAdmissionPolicyResource).create({
      apiVersion: GROUP,
      kind: "MutatingAdmissionPolicy",
      metadata: { name: "labels" },
      spec: {
        matchConstraints: { resourceRules: RULES },
        reinvocationPolicy: "Never",
        mutations: [{ patchType: "ApplyConfiguration", applyConfiguration: { expression: "Object{metadata: Object.metadata{labels: {'cost': 'team-a'}}}" } }],
      },
    });
    await cluster.client
      .for(mutatingAdmissionPolicyBindingResource)
      .create({ apiVersion: GROUP, kind: "MutatingAdmissionPolicyBinding", metadata: { name: "labels" }, spec: { policyName: "labels" } });
    await copy.commit({ "a.yaml": configMapYaml("a", { color: "blue" }) });
    expect((await copy.push()).code).toBe(0);
    const made = await configMaps().get("default", "a");
    expect(made.metadata.labels?.["cost"]).toBe("team-a");
    await copy.commit({ "b.yaml": configMapYaml("b", { color: "red" }) });
    const { text } = await copy.push();
    expect(text).toContain("ConfigMap default/b");
    expect(text).not.toContain("ConfigMap default/a");
    expect((await configMaps().get("default", "a")).metadata.resourceVersion).toBe(made.metadata.resourceVersion);
  });
});

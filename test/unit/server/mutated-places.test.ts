import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import type { WebhookRequest } from "../../../engine/apimachinery/webhook-call.ts";
import { mutatingWebhookConfigurationResource } from "../../../engine/resources/admissionregistration/mutating-webhook-configuration.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import type { ResourceReference } from "../../../engine/resources/define-resource.ts";
import type { ConfigMap, LocalSubjectAccessReview } from "../../../engine/resources/types.ts";
import { failure } from "../../kit/failure.ts";
import { sentConfigMap, sentDeployment } from "../../kit/sent-objects.ts";
import { createTestNamespace, startTestApi, type TestApi } from "../../kit/test-api.ts";

const REFUSED = { code: 400, message: "the namespace of the provided object does not match the namespace sent on the request" };

/** What the webhook does to what it is shown. */
let patch: readonly object[] = [];
const post = async ({ body }: WebhookRequest) => ({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  response: {
    uid: (body as { readonly request: { readonly uid: string } }).request.uid,
    allowed: true,
    ...(patch.length === 0 ? {} : { patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(patch)).toString("base64") }),
  },
});
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ webhooks: { post } });
  await createTestNamespace(api.client, "shop");
  const webhook = {
    name: "move.example.com",
    clientConfig: { url: "https://move/" },
    rules: [{ operations: ["CREATE", "UPDATE"], apiGroups: ["*"], apiVersions: ["*"], resources: ["configmaps", "deployments/*", "localsubjectaccessreviews"] }],
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
  };
  await api.client
    .for(mutatingWebhookConfigurationResource)
    .create({ apiVersion: "admissionregistration.k8s.io/v1", kind: "MutatingWebhookConfiguration", metadata: { name: "a" }, webhooks: [webhook] });
  await api.client.for(configMapResource).create(sentConfigMap("old"));
  await api.client.for(deploymentResource).create(sentDeployment("web"));
});
afterAll(() => api.stop());

const configMaps = () => api.client.for(configMapResource);
const reviews: ResourceReference<LocalSubjectAccessReview & KubeObject> = {
  group: "authorization.k8s.io",
  version: "v1",
  resource: "localsubjectaccessreviews",
  kind: "LocalSubjectAccessReview",
  namespaced: true,
};

describe("an object that a webhook gives another namespace is refused, and stored nowhere", () => {
  const elsewhere = [{ op: "add", path: "/metadata/namespace", value: "kube-system" }];
  test.each<readonly [string, () => Promise<unknown>]>([
    ["created", () => configMaps().create(sentConfigMap("new"))],
    ["created in a dry run", () => configMaps().create(sentConfigMap("new"), { dryRun: true })],
    ["created by an apply", () => configMaps().apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "new", namespace: "shop" } } as ConfigMap, { fieldManager: "t" })],
    ["replaced", () => configMaps().update(sentConfigMap("old", { a: "b" }))],
    ["patched", () => configMaps().patch("shop", "old", "merge", { data: { a: "c" } })],
    ["scaled", () => api.client.for(deploymentResource).patch("shop", "web", "merge", { spec: { replicas: 3 } }, { subresource: "scale" })],
    [
      "only asked about",
      () =>
        api.client.for(reviews).create({
          apiVersion: "authorization.k8s.io/v1",
          kind: "LocalSubjectAccessReview",
          metadata: { namespace: "shop" },
          spec: { user: "u", resourceAttributes: { namespace: "shop", verb: "get", resource: "pods" } },
        }),
    ],
  ])("%s", async (_how, write) => {
    patch = elsewhere;
    try {
      expect((await failure(write())).status).toMatchObject(REFUSED);
      expect((await configMaps().list("kube-system")).items.map(({ metadata }) => metadata.name)).not.toContain("new");
    } finally {
      patch = [];
    }
  });

  test("one whose namespace the webhook takes away has that of its address", async () => {
    patch = [{ op: "remove", path: "/metadata/namespace" }];
    try {
      expect((await configMaps().create(sentConfigMap("kept"))).metadata.namespace).toBe("shop");
    } finally {
      patch = [];
    }
  });
});

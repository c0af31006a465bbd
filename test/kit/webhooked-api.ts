import type { KubeObject } from "../../engine/apimachinery/object-meta.ts";
import type { RequestNotes } from "../../engine/apimachinery/request-notes.ts";
import type { WebhookRequest } from "../../engine/apimachinery/webhook-call.ts";
import { mutatingWebhookConfigurationResource } from "../../engine/resources/admissionregistration/mutating-webhook-configuration.ts";
import { validatingWebhookConfigurationResource } from "../../engine/resources/admissionregistration/validating-webhook-configuration.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import type { MutatingWebhook, ValidatingWebhook } from "../../engine/resources/types.ts";
import { createTestNamespace, startTestApi, type TestApi } from "./test-api.ts";

export interface Review {
  readonly apiVersion: string;
  readonly request: Readonly<Record<string, unknown>> & { readonly uid: string; readonly object: KubeObject | null; readonly oldObject: KubeObject | null };
}
export type Answer = Readonly<Record<string, unknown>>;

/** An API whose webhooks the test answers for. */
export interface WebhookedApi {
  readonly api: TestApi;
  /** What each webhook answers, by its address. One without an answer cannot be reached. */
  readonly answers: Map<string, (review: Review) => Answer | Promise<Answer>>;
  /** What they were asked, in order. */
  readonly asked: { readonly at: string; readonly review: Review; readonly timeoutSeconds: number }[];
}

/** With the namespace `shop`. */
export async function startWebhookedApi(): Promise<WebhookedApi> {
  const answers: WebhookedApi["answers"] = new Map();
  const asked: WebhookedApi["asked"] = [];
  const post = async ({ endpoint, body, timeoutSeconds }: WebhookRequest): Promise<unknown> => {
    const review = body as Review;
    const at = endpoint.url ?? "";
    asked.push({ at, review, timeoutSeconds });
    const answer = answers.get(at);
    if (answer === undefined) throw new Error(`Post "${at}?timeout=${timeoutSeconds}s": dial tcp 192.0.2.9:443: connect: connection refused`);
    return { apiVersion: review.apiVersion, kind: "AdmissionReview", response: { uid: review.request.uid, ...(await answer(review)) } };
  };
  const api = await startTestApi({ webhooks: { post } });
  await createTestNamespace(api.client, "shop");
  return { api, answers, asked };
}

/** What webhooks are asked about that say nothing else. */
export const HOOK_RULE = { operations: ["CREATE", "UPDATE", "DELETE"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] };
export const hook = (name: string, more: Partial<MutatingWebhook> = {}) => ({
  name: `${name}.example.com`,
  clientConfig: { url: `https://${name}/` },
  rules: [HOOK_RULE],
  sideEffects: "None",
  admissionReviewVersions: ["v1"],
  ...more,
});
/** What tests ask of such an API, of which each test may have another. */
export const webhooksOf = (api: () => TestApi) => {
  const apiVersion = "admissionregistration.k8s.io/v1";
  return {
    validating: (name: string, ...webhooks: readonly ValidatingWebhook[]) =>
      api().client.for(validatingWebhookConfigurationResource).create({ apiVersion, kind: "ValidatingWebhookConfiguration", metadata: { name }, webhooks }),
    mutating: (name: string, ...webhooks: readonly MutatingWebhook[]) =>
      api().client.for(mutatingWebhookConfigurationResource).create({ apiVersion, kind: "MutatingWebhookConfiguration", metadata: { name }, webhooks }),
    configMaps: () => api().client.for(configMapResource),
  };
};
export const configMap = (name: string, data: Readonly<Record<string, string>> = {}, labels: Readonly<Record<string, string>> = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "shop", labels },
  data,
});
export const patch = (...operations: readonly object[]) => ({ allowed: true, patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(operations)).toString("base64") });
export const addData = (key: string, value: string) => patch({ op: "add", path: `/data/${key}`, value });
export const allow = () => ({ allowed: true });

/** What was noted beside the decision of the authorizer. */
export const admissionNotes = (notes: RequestNotes) => [...notes.annotations].filter(([key]) => !key.startsWith("authorization.k8s.io/"));

import { expect, test } from "vitest";
import type { KubeObject } from "../../../../engine/apimachinery/object-meta.ts";
import type { WebhookRequest } from "../../../../engine/apimachinery/webhook-call.ts";
import { seededRandom } from "../../../../engine/lib/random.ts";
import { conversionWebhook } from "../../../../engine/server/custom-resources/conversion-webhook.ts";

interface Review {
  readonly apiVersion: string;
  readonly request: { readonly uid: string; readonly desiredAPIVersion: string; readonly objects: readonly KubeObject[] };
}

const tab = (name: string, note = ""): KubeObject => ({ apiVersion: "example.com/v1", kind: "Tab", metadata: { name, annotations: { note } } });

/** A webhook that does as it is told, and how many objects it was asked about each time. */
function startWebhook() {
  const asked: number[] = [];
  const post = ({ body }: WebhookRequest): Promise<unknown> => {
    const { apiVersion, request } = body as Review; // what was sent
    asked.push(request.objects.length);
    const convertedObjects = request.objects.map((object) => ({ ...object, apiVersion: request.desiredAPIVersion }));
    return Promise.resolve({ apiVersion, kind: "ConversionReview", response: { uid: request.uid, result: { status: "Success" }, convertedObjects } });
  };
  const webhook = { conversionReviewVersions: ["v1"] };
  return { asked, convert: conversionWebhook({ name: "tabs.example.com", webhook, client: { url: "https://x/" }, transport: { post }, random: seededRandom(1) }) };
}

test.each<readonly [string, readonly KubeObject[], readonly number[]]>([
  ["none", [], []],
  ["few", ["a", "b", "c"].map((name) => tab(name)), [3]],
  ["many", Array.from({ length: 1_200 }, (_, index) => tab(`t${index}`)), [500, 500, 200]],
  ["large ones", Array.from({ length: 5 }, (_, index) => tab(`t${index}`, "x".repeat(900_000))), [2, 2, 1]],
  ["one that is larger than several may be", [tab("a", "x".repeat(3_000_000)), tab("b")], [1, 1]],
])("asks about %s in messages of some length, and gives all of them in their order", async (_what, objects, messages) => {
  const { asked, convert } = startWebhook();
  expect(await convert(objects, "example.com/v2")).toEqual(objects.map((object) => ({ ...object, apiVersion: "example.com/v2" })));
  expect(asked).toEqual(messages);
});

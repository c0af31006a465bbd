import { inBatches } from "../../lib/batches.ts";
import { parseApiVersion } from "../../apimachinery/group-version.ts";
import type { KubeObject, ObjectMeta } from "../../apimachinery/object-meta.ts";
import { withoutReason } from "../../apimachinery/status-error.ts";
import type { WebhookTransport } from "../../apimachinery/webhook-call.ts";
import type { Random } from "../../lib/random.ts";
import { measured, type Tracer } from "../../lib/tracing/tracer.ts";
import type { ConvertObjects } from "../../resources/apiextensions/custom-kind.ts";
import type { ApiextensionsV1WebhookClientConfig, WebhookConversion } from "../../resources/types.ts";

/** Upstream's patience with a conversion webhook. */
const TIMEOUT_SECONDS = 30;
/** Upstream asks about all objects of a list at once, of which its clients ask for so many. */
const BATCH_OBJECTS_MAX = 500;
/** In characters of JSON; a single object may have more. An answer may be several times as long. */
const BATCH_LENGTH_MAX = 2 << 20;
/** A list of any length would make a message of any length, and its answer one that is too long. */
const BATCHES = { lengthOf: (object: KubeObject) => JSON.stringify(object).length, lengthMax: BATCH_LENGTH_MAX, itemsMax: BATCH_OBJECTS_MAX };
/** The versions of ConversionReview that are spoken here. */
const SPOKEN = ["v1", "v1beta1"];

export interface ConversionWebhookOptions {
  /** Of the definition. */
  readonly name: string;
  readonly webhook: WebhookConversion;
  readonly client: ApiextensionsV1WebhookClientConfig;
  readonly transport: WebhookTransport;
  readonly tracer?: Tracer | undefined;
  readonly random: Random;
}

/** Converts objects by asking the webhook of their definition, about many in several calls. Failures are 500s with upstream's texts. */
export function conversionWebhook({ name, webhook, client, transport, tracer, random }: ConversionWebhookOptions): ConvertObjects {
  const { service, url, caBundle } = client;
  const endpoint = { ...(url === undefined ? {} : { url }), ...(service === undefined ? {} : { service }), ...(caBundle === undefined ? {} : { caBundle }) };
  const version = webhook.conversionReviewVersions.find((candidate) => SPOKEN.includes(candidate));
  const convert: ConvertObjects = async (objects, desiredAPIVersion) => {
    const [first] = objects;
    if (first === undefined) return [];
    const what = kindText(first);
    if (version === undefined) throw withoutReason("no supported conversion review versions");
    const uid = random.uuid();
    const apiVersion = `apiextensions.k8s.io/${version}`;
    const review = { kind: "ConversionReview", apiVersion, request: { uid, desiredAPIVersion, objects } };
    let answer: unknown;
    try {
      const attributes = () => ({ "custom-resource-definition": name, "desired-api-version": desiredAPIVersion, "object-count": objects.length, UID: uid });
      answer = await measured(tracer, "Call conversion webhook", attributes, async (span) => {
        const given = await transport.post({ endpoint, body: review, timeoutSeconds: TIMEOUT_SECONDS });
        span?.event("Request completed");
        return given;
      });
    } catch (error) {
      throw withoutReason(`conversion webhook for ${what} failed: ${error instanceof Error ? error.message : String(error)}`);
    }
    const converted = readAnswer(answer, apiVersion, uid, what);
    if (converted.length !== objects.length)
      throw withoutReason(`conversion webhook for ${what} returned ${converted.length} objects, expected ${objects.length}`);
    return objects.map((original, index) => checkedObject(original, converted[index], desiredAPIVersion, { what, index }));
  };
  return async (objects, desiredAPIVersion) => {
    // To measure an object is to write it once more.
    if (objects.length === 1) return convert(objects, desiredAPIVersion);
    const converted: KubeObject[] = [];
    for (const batch of inBatches(objects, BATCHES)) converted.push(...(await convert(batch, desiredAPIVersion)));
    return converted;
  };
}

function kindText({ apiVersion, kind }: KubeObject): string {
  return `${apiVersion}, Kind=${kind}`;
}

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readAnswer(answer: unknown, apiVersion: string, uid: string, what: string): readonly unknown[] {
  const fail = (why: string) => withoutReason(`conversion webhook for ${what} failed: ${why}`);
  if (!isObject(answer)) throw fail("the answer is no object");
  if (apiVersion.endsWith("/v1") && (answer["apiVersion"] !== apiVersion || answer["kind"] !== "ConversionReview")) {
    const { group, version } = parseApiVersion(String(answer["apiVersion"] ?? ""));
    throw fail(`expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got ${group}/${version}, Kind=${String(answer["kind"] ?? "")}`);
  }
  const { response } = answer;
  if (!isObject(response)) throw fail("no response provided");
  if (apiVersion.endsWith("/v1") && response["uid"] !== uid)
    throw fail(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response["uid"] ?? "")}`);
  const result = isObject(response["result"]) ? response["result"] : {};
  if (result["status"] !== "Success")
    throw fail(
      typeof result["message"] === "string" && result["message"] !== ""
        ? result["message"]
        : `response.result.status was '${String(result["status"] ?? "")}', not 'Success'`,
    );
  return Array.isArray(response["convertedObjects"]) ? response["convertedObjects"] : [];
}

/** A webhook may change anything but who the object is; of its metadata only labels and annotations are taken. */
function checkedObject(
  original: KubeObject,
  converted: unknown,
  apiVersion: string,
  { what, index }: { readonly what: string; readonly index: number },
): KubeObject {
  const fail = (why: string, of = "invalid converted object") => withoutReason(`conversion webhook for ${what} returned ${of} at index ${index}: ${why}`);
  if (!isObject(converted)) throw fail("it is no object");
  if (converted["apiVersion"] !== apiVersion) throw fail(`invalid groupVersion (expected ${apiVersion}, received ${String(converted["apiVersion"] ?? "")})`);
  if (converted["kind"] !== original.kind) throw fail(`invalid kind (expected ${original.kind}, received ${String(converted["kind"] ?? "")})`);
  const { metadata } = converted;
  if (!isObject(metadata)) throw fail("missing metadata in converted object", "invalid metadata in object");
  for (const [field, name] of [
    ["name", "name"],
    ["namespace", "namespace"],
    ["uid", "UID"],
  ] as const) {
    if ((metadata[field] ?? "") !== (original.metadata[field] ?? ""))
      throw fail(`must have the same ${name}: ${original.metadata[field] ?? ""} != ${String(metadata[field] ?? "")}`);
  }
  const { labels: _labels, annotations: _annotations, ...kept } = original.metadata;
  const own = { ...textMap(metadata["labels"], "labels", fail), ...textMap(metadata["annotations"], "annotations", fail) };
  return { ...converted, apiVersion, kind: original.kind, metadata: { ...kept, ...own } };
}

function textMap(value: unknown, name: "labels" | "annotations", fail: (why: string, of: string) => Error): Pick<ObjectMeta, "labels" | "annotations"> {
  if (value === undefined || value === null) return {};
  if (!isObject(value) || Object.values(value).some((text) => typeof text !== "string"))
    throw fail(`invalid metadata.${name} in converted object`, "invalid metadata in object");
  return { [name]: value };
}

import type { ConfigFields } from "../../apimachinery/config-fields.ts";
import { badRequest, forbidden, type StatusError } from "../../apimachinery/status-error.ts";
import type { Clock } from "../../lib/clock.ts";
import { ExpiringCache } from "../../lib/expiring-cache.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import type { Pod } from "../../resources/types.ts";
import { isKind, requestName, type AdmissionAttributes, type AdmissionPlugin } from "../admission.ts";

const API_VERSION = "imagepolicy.k8s.io/v1alpha1";
const AUDIT_PREFIX = "imagepolicywebhook.image-policy.k8s.io/";
const ANSWERS_MAX = 1024;
const MINUTE_MS = 60_000;

/** How another server is asked about images, and how long its answers are good. */
export interface ImagePolicySettings {
  readonly kubeconfigFile: string;
  readonly allowedTtlMs: number;
  readonly refusedTtlMs: number;
  /** Before the second try; each further pause is half as long again. */
  readonly retryMs: number;
  /** Whether pods come in while nobody answers. */
  readonly allowsUnasked: boolean;
}

/** Reads the plugin's file, which has no kind. Throws with the field for what is wrong. */
export function imagePolicySettingsOf(file: ConfigFields): ImagePolicySettings {
  file.refuseOthers(["imagePolicy"]);
  const fields = file.requiredPart("imagePolicy");
  fields.refuseOthers(["kubeConfigFile", "allowTTL", "denyTTL", "retryBackoff", "defaultAllow"]);
  return {
    kubeconfigFile: fields.required("kubeConfigFile"),
    allowedTtlMs: span(fields, "allowTTL", 1000, 30 * MINUTE_MS, 5 * MINUTE_MS),
    refusedTtlMs: span(fields, "denyTTL", 1000, 30 * MINUTE_MS, 30_000),
    retryMs: span(fields, "retryBackoff", 1, 5 * MINUTE_MS, 500),
    allowsUnasked: fields.flag("defaultAllow"),
  };
}

/** A length of time in units of `unitMs`: 0 or none is the usual one, -1 none at all. */
function span(fields: ConfigFields, name: string, unitMs: number, maxMs: number, usualMs: number): number {
  const count = fields.whole(name, -1) ?? 0;
  if (count === -1) return 0;
  if (count * unitMs > maxMs) throw new Error(`${fields.path}.${name}: must be at most ${maxMs / unitMs}`);
  return count === 0 ? usualMs : count * unitMs;
}

/** Sends a review and gives the answer; rejects when there is none after all tries. */
export type AskImagePolicy = (review: object, signal?: AbortSignal) => Promise<unknown>;

export interface ImagePolicyParts {
  readonly settings: ImagePolicySettings;
  readonly ask: AskImagePolicy;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Verdict {
  readonly isAllowed: boolean;
  readonly reason: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Another server decides which images may run. */
export function imagePolicyWebhook({ settings, ask, clock, logger }: ImagePolicyParts): AdmissionPlugin {
  const known = new ExpiringCache<Verdict>(clock, ANSWERS_MAX);
  const judge = async (spec: object, signal: AbortSignal | undefined): Promise<Verdict> => {
    const key = JSON.stringify(spec);
    const remembered = known.get(key);
    if (remembered !== undefined) return remembered;
    const verdict = readVerdict(await ask({ apiVersion: API_VERSION, kind: "ImageReview", metadata: {}, spec, status: { allowed: false } }, signal));
    known.set(key, verdict, verdict.isAllowed ? settings.allowedTtlMs : settings.refusedTtlMs);
    return verdict;
  };
  return {
    name: "ImagePolicyWebhook",
    async validate(attributes) {
      if (!concerns(attributes)) return;
      const verdict = await judge(specOf(attributes), attributes.signal).catch((error: unknown): Verdict => {
        logger.warn("the image policy webhook could not be asked", { namespace: attributes.namespace, error });
        if (!settings.allowsUnasked) throw refusal(attributes, describeError(error));
        return { isAllowed: true, reason: "", annotations: { "failed-open": "true" } };
      });
      for (const [name, value] of Object.entries(verdict.annotations)) attributes.notes?.annotate(`${AUDIT_PREFIX}${name}`, value);
      if (verdict.isAllowed) return;
      throw refusal(
        attributes,
        verdict.reason === "" ? "one or more images rejected by webhook backend" : `image policy webhook backend denied one or more images: ${verdict.reason}`,
      );
    },
  };
}

function concerns(attributes: AdmissionAttributes): boolean {
  const { operation, subresource } = attributes;
  return (
    isKind(attributes, "", "pods") && (subresource === undefined || subresource === "ephemeralcontainers") && (operation === "CREATE" || operation === "UPDATE")
  );
}

/** What the other server is told: images, the namespace, and those annotations of the pod that are meant for it. */
function specOf({ object, subresource, namespace }: AdmissionAttributes): object {
  if (object === undefined) throw badRequest("Resource was marked with kind Pod but was unable to be converted");
  const { metadata, spec } = object as unknown as Pod; // concerns
  const containers = subresource === undefined ? [...spec.containers, ...(spec.initContainers ?? [])] : (spec.ephemeralContainers ?? []);
  const annotations = Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([key]) => key.includes(".image-policy.k8s.io/")));
  return {
    ...(containers.length === 0 ? {} : { containers: containers.map(({ image = "" }) => (image === "" ? {} : { image })) }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    namespace,
  };
}

function readVerdict(answer: unknown): Verdict {
  const { kind, apiVersion, status } = (answer ?? {}) as {
    readonly kind?: unknown;
    readonly apiVersion?: unknown;
    readonly status?: { readonly allowed?: unknown; readonly reason?: unknown; readonly auditAnnotations?: unknown } | null;
  }; // each field is checked
  if (kind !== "ImageReview" || apiVersion !== API_VERSION) throw new Error(`the answer is no ImageReview of ${API_VERSION}`);
  const annotations = Object.entries(status?.auditAnnotations ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return { isAllowed: status?.allowed === true, reason: typeof status?.reason === "string" ? status.reason : "", annotations: Object.fromEntries(annotations) };
}

function refusal(attributes: AdmissionAttributes, why: string): StatusError {
  return forbidden(attributes.definition, requestName(attributes), why);
}

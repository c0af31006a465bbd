import type { ConfigFields } from "../../apimachinery/config-fields.ts";
import { joinProblems, StatusError } from "../../apimachinery/status-error.ts";
import { BoundedCache } from "../../lib/bounded-cache.ts";
import type { Clock } from "../../lib/clock.ts";
import { TokenBucket, type Rate } from "../../lib/token-bucket.ts";
import type { CoreEvent, EventsV1Event } from "../../resources/types.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../admission.ts";

const LIMIT_TYPES = ["Namespace", "Server", "SourceAndObject", "User"] as const;
const BUCKETS_MAX = 4096;

/** A bound of writes of Events: for all together, or for each namespace, user, or source with what it tells of. */
export interface EventLimit extends Rate {
  readonly type: (typeof LIMIT_TYPES)[number];
  /** How many buckets are remembered; whose is forgotten begins with a full one. */
  readonly bucketsMax: number;
}

/** Reads the plugin's Configuration. Throws with the field for what is wrong. */
export function eventLimitsOf(fields: ConfigFields): readonly EventLimit[] {
  fields.requireKind("Configuration", ["eventratelimit.admission.k8s.io/v1alpha1"]);
  fields.refuseOthers(["kind", "apiVersion", "limits"]);
  const limits = fields.list("limits").map((limit): EventLimit => {
    limit.refuseOthers(["type", "qps", "burst", "cacheSize"]);
    const type = limit.requiredOneOf("type", LIMIT_TYPES);
    return {
      type,
      perSecond: limit.whole("qps", 1) ?? limit.missing("qps"),
      burst: limit.whole("burst", 1) ?? limit.missing("burst"),
      bucketsMax: (type === "Server" ? 0 : limit.whole("cacheSize", 0)) || BUCKETS_MAX,
    };
  });
  if (limits.length === 0) fields.missing("limits");
  return limits;
}

/**
 * Refuses Events beyond the bounds with a 429. Dry runs change nothing and are not counted. Events of events.k8s.io are the same objects by
 * another name and are counted with the others, which upstream forgets.
 */
export function eventRateLimit(limits: readonly EventLimit[], clock: Clock): AdmissionPlugin {
  const counters = limits.map((limit) => ({ limit, buckets: new BoundedCache<TokenBucket>(limit.bucketsMax) }));
  return {
    name: "EventRateLimit",
    validate(attributes) {
      const { definition, operation, isDryRun } = attributes;
      if (definition.kind !== "Event" || (definition.group !== "" && definition.group !== "events.k8s.io")) return;
      if ((operation !== "CREATE" && operation !== "UPDATE") || isDryRun === true) return;
      // Every limit counts what another one refuses.
      const problems = counters.flatMap(({ limit, buckets }) => {
        const key = keyOf(limit.type, attributes);
        const bucket = buckets.get(key) ?? new TokenBucket(limit, clock);
        buckets.set(key, bucket);
        return bucket.take() ? [] : [`limit reached on type ${limit.type} for key ${key}`];
      });
      if (problems.length > 0) throw new StatusError("TooManyRequests", `Too many requests: ${joinProblems(problems)}`);
    },
  };
}

function keyOf(type: EventLimit["type"], { namespace, user, object }: AdmissionAttributes): string {
  if (type === "Server") return "";
  if (type === "Namespace") return namespace;
  if (type === "User") return user.username;
  const { source, deprecatedSource, involvedObject, regarding } = object as Partial<CoreEvent & EventsV1Event>; // of one of the two groups
  const [from, about] = [source ?? deprecatedSource, involvedObject ?? regarding];
  return [from?.component, from?.host, about?.kind, about?.namespace, about?.name, about?.uid, about?.apiVersion].join("");
}

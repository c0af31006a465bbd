import { forbiddenField, invalidField, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { ALL_METADATA, defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type {
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
  QueuingConfiguration,
} from "../types.ts";
import { conditionErrors } from "./condition-validation.ts";
import { MANDATORY_LEVELS } from "./suggested.ts";

const QUEUES_MAX = 10_000_000;
/** A hand of queues is dealt from one hash of a flow, which has this many bits to give. */
const HASH_BITS_MAX = 60;

export const priorityLevelConfigurationResource = defineResource<PriorityLevelConfiguration>({
  group: "flowcontrol.apiserver.k8s.io",
  version: "v1",
  resource: "prioritylevelconfigurations",
  kind: "PriorityLevelConfiguration",
  namespaced: false,
  schema: () => loadSchema("flowcontrol.apiserver.k8s.io/v1/priority-level-configuration.yaml"),
  strategy: {
    metadataOnUpdate: "new",
    hasGeneration: true,
    setDefaults: (level) =>
      level.spec?.type === "Exempt" && level.spec.exempt === undefined
        ? { ...level, spec: { ...level.spec, exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } } }
        : level,
    prepareForCreate: (level) => ({ ...level, status: {} }),
    validate: ({ metadata, spec, status }) => [...validateSpec(metadata.name ?? "", spec ?? { type: "" }), ...conditionErrors(status?.conditions ?? [])],
    validateStatusUpdate: ({ status }) => conditionErrors(status?.conditions ?? []),
  },
  subresources: [{ name: "status", keeps: ALL_METADATA }],
  columns: [
    nameColumn,
    { name: "Type", type: "string", description: "Exempt or Limited.", cell: ({ spec }) => spec?.type ?? "" },
    {
      name: "NominalConcurrencyShares",
      type: "string",
      description: "Its shares of the server.",
      cell: ({ spec }) => spec?.limited?.nominalConcurrencyShares ?? "<none>",
    },
    { name: "Queues", type: "string", description: "How many queues it has.", cell: ({ spec }) => queuing(spec)?.queues ?? "<none>" },
    { name: "HandSize", type: "string", description: "How many queues a flow has.", cell: ({ spec }) => queuing(spec)?.handSize ?? "<none>" },
    { name: "QueueLengthLimit", type: "string", description: "How many wait in one queue.", cell: ({ spec }) => queuing(spec)?.queueLengthLimit ?? "<none>" },
    ageColumn,
  ],
});

function queuing(spec: PriorityLevelConfigurationSpec | undefined): QueuingConfiguration | undefined {
  return spec?.limited?.limitResponse?.queuing;
}

function validateSpec(name: string, spec: PriorityLevelConfigurationSpec): FieldError[] {
  const errors: FieldError[] = [];
  if ((name === "exempt") !== (spec.type === "Exempt")) errors.push(invalidField("spec.type", spec.type, "must be 'Exempt' if and only if `name` is 'exempt'"));
  if (spec.type === "Exempt") {
    if (spec.limited !== undefined) errors.push(forbiddenField("spec.limited", "must be nil if the type is not Limited"));
    if (spec.exempt !== undefined) errors.push(...shareErrors(spec.exempt, "spec.exempt"));
  } else if (spec.type === "Limited") {
    if (spec.exempt !== undefined) errors.push(forbiddenField("spec.exempt", "must be nil if the type is Limited"));
    errors.push(
      ...(spec.limited === undefined
        ? [requiredField("spec.limited", "must not be empty when type is Limited")]
        : validateLimited(spec.limited, "spec.limited")),
    );
  } else errors.push(unsupportedValue("spec.type", spec.type, ["Exempt", "Limited"]));
  return [...errors, ...fixedErrors(name, spec)];
}

/** The mandatory levels cannot be changed, but for what the exempt one takes from the others. */
function fixedErrors(name: string, spec: PriorityLevelConfigurationSpec): FieldError[] {
  const fixed = MANDATORY_LEVELS[name];
  if (fixed === undefined) return [];
  if (fixed.exempt === undefined) return jsonEqual(fixed, spec) ? [] : [invalidField("spec", spec, `spec of '${name}' must equal the fixed value`)];
  const { exempt: _tunable, ...rest } = spec;
  return jsonEqual(rest, { type: fixed.type })
    ? []
    : [invalidField("spec", spec, `spec of '${name}' except the 'spec.exempt' field must equal the fixed value`)];
}

function validateLimited(limited: LimitedPriorityLevelConfiguration, path: string): FieldError[] {
  const errors = shareErrors(limited, path);
  const borrowing = limited.borrowingLimitPercent;
  if (borrowing !== undefined && borrowing < 0)
    errors.push(invalidField(`${path}.borrowingLimitPercent`, borrowing, "if specified, must be a non-negative integer"));
  return [...errors, ...validateResponse(limited.limitResponse ?? { type: "" }, `${path}.limitResponse`)];
}

function shareErrors(
  {
    nominalConcurrencyShares: shares = 0,
    lendablePercent: percent = 0,
  }: Pick<LimitedPriorityLevelConfiguration, "nominalConcurrencyShares" | "lendablePercent">,
  path: string,
): FieldError[] {
  const errors = shares < 0 ? [invalidField(`${path}.nominalConcurrencyShares`, shares, "must be a non-negative integer")] : [];
  return percent >= 0 && percent <= 100 ? errors : [...errors, invalidField(`${path}.lendablePercent`, percent, "must be between 0 and 100, inclusive")];
}

function validateResponse({ type, queuing: queues }: LimitResponse, path: string): FieldError[] {
  if (type === "Reject") return queues === undefined ? [] : [forbiddenField(`${path}.queuing`, "must be nil if limited.limitResponse.type is not Limited")];
  if (type !== "Queue") return [unsupportedValue(`${path}.type`, type, ["Queue", "Reject"])];
  return queues === undefined
    ? [requiredField(`${path}.queuing`, "must not be empty if limited.limitResponse.type is Limited")]
    : validateQueues(queues, `${path}.queuing`);
}

function validateQueues({ queues = 0, handSize = 0, queueLengthLimit = 0 }: QueuingConfiguration, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (queueLengthLimit <= 0) errors.push(invalidField(`${path}.queueLengthLimit`, queueLengthLimit, "must be positive"));
  if (queues <= 0) errors.push(invalidField(`${path}.queues`, queues, "must be positive"));
  else if (queues > QUEUES_MAX) errors.push(invalidField(`${path}.queues`, queues, `must not be greater than ${QUEUES_MAX}`));
  const bits = Math.ceil(Math.log2(queues) * handSize);
  if (handSize <= 0) errors.push(invalidField(`${path}.handSize`, handSize, "must be positive"));
  else if (handSize > queues) errors.push(invalidField(`${path}.handSize`, handSize, `should not be greater than queues (${queues})`));
  else if (bits > HASH_BITS_MAX)
    errors.push(
      invalidField(
        `${path}.handSize`,
        handSize,
        `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${HASH_BITS_MAX}`,
      ),
    );
  return errors;
}

import { duplicateField, invalidField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { withMetadata } from "../../apimachinery/object-copy.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { CSIDriver } from "../types.ts";

const LIFECYCLE_MODES = ["Persistent", "Ephemeral"];
const GROUP_POLICIES = ["File", "None", "ReadWriteOnceWithFSType"];
const TOKEN_SECONDS_MIN = 600;
const TOKEN_SECONDS_MAX = 2 ** 32;
const UPDATE_PERIOD_SECONDS_MIN = 10;

export const csiDriverResource = defineResource<CSIDriver>({
  group: "storage.k8s.io",
  version: "v1",
  resource: "csidrivers",
  kind: "CSIDriver",
  namespaced: false,
  schema: () => loadSchema("storage.k8s.io/v1/csi-driver.yaml"),
  strategy: {
    unconditionalUpdate: false,
    hasGeneration: true,
    setDefaults: (driver) =>
      (driver.spec.volumeLifecycleModes ?? []).length > 0 ? driver : { ...driver, spec: { ...driver.spec, volumeLifecycleModes: ["Persistent"] } },
    // Its generations are counted from the first change on.
    prepareForCreate: (driver) => withMetadata(driver, { generation: undefined }),
    validate: validateDriver,
    warnings: ({ spec }, old) => {
      const isUnsaid = (spec.tokenRequests ?? []).length > 0 && spec.serviceAccountTokenInSecrets === undefined;
      return isUnsaid && !jsonEqual(spec.tokenRequests, old?.spec.tokenRequests)
        ? [
            "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes",
          ]
        : [];
    },
    validateUpdate: (driver, old) => [
      ...(driver.spec.attachRequired === old.spec.attachRequired
        ? []
        : [invalidField("spec.attachedRequired", driver.spec.attachRequired, "field is immutable")]),
      ...(jsonEqual(driver.spec.volumeLifecycleModes, old.spec.volumeLifecycleModes)
        ? []
        : [invalidField("spec.volumeLifecycleModes", driver.spec.volumeLifecycleModes, "field is immutable")]),
    ],
  },
  columns: [
    nameColumn,
    { name: "AttachRequired", type: "boolean", description: "Whether volumes are attached first.", cell: (driver) => driver.spec.attachRequired ?? true },
    { name: "PodInfoOnMount", type: "boolean", description: "Whether it hears about pods.", cell: (driver) => driver.spec.podInfoOnMount ?? false },
    { name: "StorageCapacity", type: "boolean", description: "Whether room is published.", cell: (driver) => driver.spec.storageCapacity ?? false },
    {
      name: "TokenRequests",
      type: "string",
      description: "Audiences of tokens it wants.",
      cell: (driver) => driver.spec.tokenRequests?.map((request) => request.audience).join(",") ?? "<unset>",
    },
    { name: "RequiresRepublish", type: "boolean", description: "Whether mounting is repeated.", cell: (driver) => driver.spec.requiresRepublish ?? false },
    {
      name: "Modes",
      type: "string",
      description: "Lives its volumes can have.",
      cell: (driver) => (driver.spec.volumeLifecycleModes ?? []).join(",") || "<none>",
    },
    ageColumn,
  ],
});

function validateDriver({ spec }: CSIDriver): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.fsGroupPolicy !== undefined && !GROUP_POLICIES.includes(spec.fsGroupPolicy))
    errors.push(unsupportedValue("spec.fsGroupPolicy", spec.fsGroupPolicy, GROUP_POLICIES));
  const audiences = new Set<string>();
  for (const [index, request] of (spec.tokenRequests ?? []).entries()) {
    const at = `spec.tokenRequests[${index}]`;
    if (audiences.has(request.audience)) errors.push(duplicateField(`${at}.audience`, request.audience));
    audiences.add(request.audience);
    const seconds = request.expirationSeconds ?? TOKEN_SECONDS_MIN;
    if (seconds < TOKEN_SECONDS_MIN) errors.push(invalidField(`${at}.expirationSeconds`, seconds, "may not specify a duration less than 10 minutes"));
    if (seconds > TOKEN_SECONDS_MAX) errors.push(invalidField(`${at}.expirationSeconds`, seconds, "may not specify a duration larger than 2^32 seconds"));
  }
  for (const mode of spec.volumeLifecycleModes ?? [])
    if (!LIFECYCLE_MODES.includes(mode)) errors.push(unsupportedValue("spec.volumeLifecycleModes", mode, LIFECYCLE_MODES));
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  if (period !== undefined && period < UPDATE_PERIOD_SECONDS_MIN)
    errors.push(invalidField("spec.nodeAllocatableUpdatePeriodSeconds", period, "must be greater than or equal to 10 seconds"));
  if (spec.serviceAccountTokenInSecrets !== undefined && audiences.size === 0)
    errors.push(
      invalidField(
        "spec.serviceAccountTokenInSecrets",
        spec.serviceAccountTokenInSecrets,
        "serviceAccountTokenInSecrets is set but no tokenRequests are specified",
      ),
    );
  return errors;
}

import {
  duplicateField,
  forbiddenField,
  invalidField,
  requiredField,
  requiredName,
  tooMany,
  unsupportedValue,
  type FieldError,
} from "../../apimachinery/field-error.ts";
import { dnsLabelProblems } from "../../apimachinery/names.ts";
import type { Container, EphemeralContainer, PodSpec, Volume } from "../types.ts";
import { hostPortConflicts, validatePorts } from "./container-ports.ts";
import { validateEnv, validateEnvFrom } from "./environment.ts";
import { validateLifecycle, validateProbe, type HandlerContext } from "./handlers.ts";
import { validateMounts } from "./mounts.ts";
import { validateResources } from "./resource-requirements.ts";
import { validateSecurityContext } from "./security.ts";

/** What the containers of one pod share and are checked against. */
export interface PodContext extends HandlerContext {
  /** The volumes that are well made. */
  readonly volumes: ReadonlyMap<string, Volume>;
  readonly claims: ReadonlySet<string>;
  readonly hostUsers: boolean;
  readonly restartPolicy: string;
}

const GRACE_SECONDS_DEFAULT = 30;

export function podContext(spec: PodSpec, volumes: ReadonlyMap<string, Volume>): PodContext {
  const grace = spec.terminationGracePeriodSeconds ?? GRACE_SECONDS_DEFAULT;
  return {
    volumes,
    claims: new Set((spec.resourceClaims ?? []).map((claim) => claim.name).filter((name) => name !== "")),
    hostUsers: spec.hostUsers !== false,
    graceSeconds: grace < 0 ? 1 : grace,
    osName: spec.os?.name,
    restartPolicy: spec.restartPolicy ?? "Always",
  };
}

/** Rules for all containers of a pod but those for debugging, beyond their schema. Names are unique over both lists. */
export function validateContainers(spec: PodSpec, path: string, context: PodContext): FieldError[] {
  if (spec.containers.length === 0) return [requiredField(`${path}.containers`), ...initContainerErrors(spec, path, context)];
  const names = new Set<string>();
  const errors = spec.containers.flatMap((container, index) => {
    const at = `${path}.containers[${index}]`;
    const isTaken = names.has(container.name);
    names.add(container.name);
    return [
      ...validateContainer(container, at, context),
      ...(isTaken ? [duplicateField(`${at}.name`, container.name)] : []),
      ...validateHooks(container, at, context),
      ...validateRestarts(container, at),
    ];
  });
  return [...errors, ...hostPortConflicts(spec.containers, `${path}.containers`), ...initContainerErrors(spec, path, context)];
}

function initContainerErrors(spec: PodSpec, path: string, context: PodContext): FieldError[] {
  const names = new Set(spec.containers.map((container) => container.name));
  return (spec.initContainers ?? []).flatMap((container, index) => {
    const at = `${path}.initContainers[${index}]`;
    const { name, restartPolicy, resizePolicy = [] } = container;
    const isSidecar = restartPolicy === "Always";
    const isTaken = names.has(name);
    if (name !== "") names.add(name);
    return [
      ...validateContainer(container, at, context),
      ...(restartPolicy === undefined ? missingPolicyErrors(container, at) : validateRestarts(container, at)),
      ...(isTaken ? [duplicateField(`${at}.name`, name)] : []),
      ...hostPortConflicts([container], `${path}.initContainers`),
      ...(isSidecar ? validateHooks(container, at, context) : forbidHooks(container, at)),
      ...(isSidecar
        ? []
        : resizePolicy.flatMap(({ restartPolicy: policy }, p) =>
            policy === "RestartContainer"
              ? [invalidField(`${at}.resizePolicy[${p}].restartPolicy`, policy, "must not be set to 'RestartContainer' for non-sidecar initContainers")]
              : [],
          )),
    ];
  });
}

/** What holds for containers of every sort. */
export function validateContainer(container: Container | EphemeralContainer, path: string, context: PodContext): FieldError[] {
  const { name, image, ports = [], env = [], envFrom = [], resources, securityContext } = container;
  return [
    ...requiredName(`${path}.name`, name, dnsLabelProblems),
    ...(image ? [] : [requiredField(`${path}.image`)]),
    ...validatePorts(ports, `${path}.ports`),
    ...validateEnv(env, `${path}.env`),
    ...validateEnvFrom(envFrom, `${path}.envFrom`),
    ...validateMounts(container, path, context.volumes),
    ...validateResources(resources, `${path}.resources`, context.claims),
    ...validateResizes(container, `${path}.resizePolicy`, context.restartPolicy),
    ...validateSecurityContext(securityContext, `${path}.securityContext`, context.hostUsers),
  ];
}

/** Templates may hold an image that is only blanks, for others to fill in; pods are run. */
export function validateImage({ image = "" }: Pick<Container, "image">, path: string): FieldError[] {
  return image === image.trim() ? [] : [invalidField(`${path}.image`, image, "must not have leading or trailing whitespace")];
}

const RESIZED = ["cpu", "memory"];
const RESIZE_POLICIES = ["NotRequired", "RestartContainer"];

/** How a container takes another amount of a resource. Upstream names the list and not its entry. */
function validateResizes({ resizePolicy = [] }: Pick<Container, "resizePolicy">, path: string, podPolicy: string): FieldError[] {
  const seen = new Set<string>();
  return resizePolicy.flatMap(({ resourceName, restartPolicy }, index) => {
    const errors = seen.has(resourceName) ? [duplicateField(`${path}[${index}]`, resourceName)] : [];
    seen.add(resourceName);
    if (resourceName === "") errors.push(requiredField(path));
    else if (!RESIZED.includes(resourceName)) errors.push(unsupportedValue(path, resourceName, RESIZED));
    if (restartPolicy === "") errors.push(requiredField(path));
    else if (!RESIZE_POLICIES.includes(restartPolicy)) errors.push(unsupportedValue(path, restartPolicy, RESIZE_POLICIES));
    if (podPolicy === "Never" && restartPolicy !== "NotRequired")
      errors.push(invalidField(path, restartPolicy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'"));
    return errors;
  });
}

const RESTART_RULES_MAX = 20;
const EXIT_CODES_MAX = 255;

const RESTART_POLICIES = ["Always", "Never", "OnFailure"];
const RESTART_ACTIONS = ["Restart", "RestartAllContainers"];
const EXIT_CODE_OPERATORS = ["In", "NotIn"];

/** Exceptions from a policy need one to be exceptions from. */
function missingPolicyErrors({ restartPolicy, restartPolicyRules: rules = [] }: Container, path: string): FieldError[] {
  const isMissing = rules.length > 0 && restartPolicy === undefined;
  return isMissing ? [requiredField(`${path}.restartPolicy`, "must specify restartPolicy when restart rules are used")] : [];
}

function validateRestarts(container: Container, path: string): FieldError[] {
  const { restartPolicy, restartPolicyRules: rules = [] } = container;
  const errors = missingPolicyErrors(container, path);
  if (restartPolicy !== undefined && !RESTART_POLICIES.includes(restartPolicy))
    errors.push(unsupportedValue(`${path}.restartPolicy`, restartPolicy, RESTART_POLICIES));
  if (rules.length > RESTART_RULES_MAX) errors.push(tooMany(`${path}.restartPolicyRules`, rules.length, RESTART_RULES_MAX));
  for (const [index, { action, exitCodes }] of rules.entries()) {
    const ruleAt = `${path}.restartPolicyRules[${index}]`;
    const at = `${ruleAt}.exitCodes`;
    if (!RESTART_ACTIONS.includes(action)) errors.push(unsupportedValue(`${ruleAt}.action`, action, RESTART_ACTIONS));
    if (exitCodes === undefined) {
      errors.push(requiredField(at, "must be specified"));
      continue;
    }
    const { operator, values = [] } = exitCodes;
    if (!EXIT_CODE_OPERATORS.includes(operator)) errors.push(unsupportedValue(`${at}.operator`, operator, EXIT_CODE_OPERATORS));
    if (values.length > EXIT_CODES_MAX) errors.push(tooMany(`${at}.values`, values.length, EXIT_CODES_MAX));
  }
  return errors;
}

function validateHooks(container: Container, path: string, context: PodContext): FieldError[] {
  return [
    ...validateLifecycle(container.lifecycle, `${path}.lifecycle`, context),
    ...validateProbe(container.livenessProbe, `${path}.livenessProbe`, "liveness", context),
    ...validateProbe(container.readinessProbe, `${path}.readinessProbe`, "readiness", context),
    ...validateProbe(container.startupProbe, `${path}.startupProbe`, "startup", context),
  ];
}

/** An ordinary init container runs to its end; there is nothing to probe or to hook into. */
function forbidHooks(container: Container, path: string): FieldError[] {
  return (["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const)
    .filter((field) => container[field] !== undefined)
    .map((field) => forbiddenField(`${path}.${field}`, "may not be set for init containers without restartPolicy=Always"));
}

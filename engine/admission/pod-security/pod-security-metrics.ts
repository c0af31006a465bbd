import type { MetricsRegistry } from "../../lib/metrics.ts";
import { isKind, type AdmissionAttributes } from "../admission.ts";
import type { LevelVersion, Mode } from "./policy.ts";

const WRITES = ["create", "update"];

/** How pods were held against levels, under upstream's names. */
export class PodSecurityMetrics {
  readonly #minor: number;
  readonly #evaluations;
  readonly #exemptions;
  readonly #errors;

  /** `minor` is the release that this server is: levels of later ones are counted together. */
  constructor(registry: MetricsRegistry, minor: number) {
    this.#minor = minor;
    this.#evaluations = registry.counter("pod_security_evaluations_total", "Pods and their makers that were held against a level, by what came of it.");
    this.#exemptions = registry.counter("pod_security_exemptions_total", "Writes of pods and their makers that are exempt.");
    this.#errors = registry.counter("pod_security_errors_total", "What kept pods and their makers from being held against the level that was meant.");
    // As upstream's, those that every cluster has are there from the beginning.
    for (const request_operation of WRITES) {
      this.#evaluations.add(
        { decision: "allow", policy_level: "privileged", policy_version: "latest", mode: "enforce", request_operation, resource: "pod", subresource: "" },
        0,
      );
      for (const resource of ["pod", "controller"]) this.#exemptions.add({ request_operation, resource, subresource: "" }, 0);
    }
  }

  evaluated(attributes: AdmissionAttributes, mode: Mode, { level, minor }: LevelVersion, decision: "allow" | "deny"): void {
    const version = minor === Infinity || level === "privileged" ? "latest" : minor > this.#minor ? "future" : `v1.${minor}`;
    this.#evaluations.add({ decision, policy_level: level, policy_version: version, mode, ...labelsOf(attributes) });
  }

  exempted(attributes: AdmissionAttributes): void {
    this.#exemptions.add(labelsOf(attributes));
  }

  /** Fatal is what leaves nothing to hold a pod against; of labels that cannot be read the strictest level is taken. */
  failed(attributes: AdmissionAttributes, isFatal: boolean): void {
    this.#errors.add({ fatal: String(isFatal), ...labelsOf(attributes) });
  }
}

function labelsOf(attributes: AdmissionAttributes): Readonly<Record<string, string>> {
  return {
    request_operation: attributes.operation.toLowerCase(),
    resource: isKind(attributes, "", "pods") ? "pod" : "controller",
    subresource: attributes.subresource ?? "",
  };
}

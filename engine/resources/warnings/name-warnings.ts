import { dnsLabelError } from "../../apimachinery/names.ts";

/** Names of pods are names of hosts, and those of what makes pods are parts of them. */
export function nameWarnings(name = "", use = "in Pod names and hostnames"): string[] {
  const problem = dnsLabelError(name);
  return problem === undefined ? [] : [`metadata.name: this is used ${use}, which can result in surprising behavior; a DNS label is recommended: [${problem}]`];
}

import { printPaths, type FieldSet } from "./field-set.ts";
import type { Manager } from "./managed-fields.ts";
import { StatusError, type StatusCause } from "../status-error.ts";

/** The fields of one manager that an apply would change. */
export interface FieldConflict {
  readonly manager: Manager;
  readonly fields: FieldSet;
}

/** The 409 that lists every field and its owner, in upstream's words: kubectl and Git tools show it as it is. */
export function applyConflict(conflicts: readonly FieldConflict[], shownVersion?: string): StatusError {
  const owners = conflicts
    .map(({ manager, fields }) => ({ name: describeManager(manager, shownVersion), paths: printPaths(fields) }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const causes: StatusCause[] = owners.flatMap(({ name, paths }) =>
    paths.map((field) => ({ reason: "FieldManagerConflict", message: `conflict with ${name}`, field })),
  );
  const [only] = causes;
  const message =
    causes.length === 1
      ? `Apply failed with 1 conflict: ${only?.message ?? ""}: ${only?.field ?? ""}`
      : `Apply failed with ${causes.length} conflicts: ${owners.map(({ name, paths }) => [`conflicts with ${name}:`, ...paths.map((path) => `- ${path}`)].join("\n")).join("\n")}`;
  return new StatusError("Conflict", message, { causes });
}

function describeManager({ manager, operation, apiVersion, subresource }: Manager, shownVersion = apiVersion): string {
  const name = `${JSON.stringify(manager)}${subresource === "" ? "" : ` with subresource ${JSON.stringify(subresource)}`}`;
  return operation === "Update" ? `${name} using ${shownVersion}` : name;
}

import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import type { Column } from "../define-resource.ts";
import type { RoleRef, Subject } from "../types.ts";

type Binding = KubeObject & { readonly roleRef: RoleRef; readonly subjects?: readonly Subject[] };

/** What `kubectl get` shows of bindings of either kind. */
export const bindingColumns: readonly Column<Binding>[] = [
  nameColumn,
  { name: "Role", type: "string", description: "The role that is granted.", cell: ({ roleRef }) => `${roleRef.kind}/${roleRef.name}` },
  ageColumn,
  { name: "Users", type: "string", priority: 1, description: "Users who are granted it.", cell: (binding) => names(binding, "User") },
  { name: "Groups", type: "string", priority: 1, description: "Groups that are granted it.", cell: (binding) => names(binding, "Group") },
  {
    name: "ServiceAccounts",
    type: "string",
    priority: 1,
    description: "Service accounts that are granted it.",
    cell: (binding) => names(binding, "ServiceAccount"),
  },
];

function names({ subjects = [] }: Binding, kind: string): string {
  return subjects
    .filter((subject) => subject.kind === kind)
    .map(({ name, namespace }) => (kind === "ServiceAccount" ? `${namespace ?? ""}/${name}` : name))
    .join(", ");
}

import { formatLabelSelector, type LabelSelector } from "../apimachinery/selectors.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { Column } from "./define-resource.ts";
import { ageSince } from "./human-duration.ts";
import type { PodSpec } from "./types.ts";

/** Columns that many kinds share. */
export const nameColumn: Column<KubeObject> = {
  name: "Name",
  type: "string",
  format: "name",
  description: "Name of the object.",
  cell: (object) => object.metadata.name ?? "",
};

export const ageColumn: Column<KubeObject> = {
  name: "Age",
  type: "string",
  description: "Time since the object was created.",
  cell: (object, now) => ageSince(object.metadata.creationTimestamp, now),
};

/** Go's moment of what has none, as a bookmark. */
const ZERO_TIME = "0001-01-01T00:00:00Z";

/** Of kinds of which upstream shows nothing else. */
export const createdColumns: readonly Column<KubeObject>[] = [
  nameColumn,
  { name: "Created At", type: "date", description: "When the object was created.", cell: ({ metadata }) => metadata.creationTimestamp ?? ZERO_TIME },
];

/** What `-o wide` adds for kinds that make pods. */
export function templateColumns<T extends KubeObject>(
  templateOf: (object: T) => { readonly spec: PodSpec | undefined; readonly selector: LabelSelector | undefined },
): Column<T>[] {
  return [
    {
      name: "Containers",
      type: "string",
      priority: 1,
      description: "Names of the containers.",
      cell: (object) => (templateOf(object).spec?.containers ?? []).map((container) => container.name).join(","),
    },
    {
      name: "Images",
      type: "string",
      priority: 1,
      description: "Images of the containers.",
      cell: (object) => (templateOf(object).spec?.containers ?? []).map((container) => container.image ?? "").join(","),
    },
    {
      name: "Selector",
      type: "string",
      priority: 1,
      description: "Labels of the pods that belong to it.",
      cell: (object) => formatLabelSelector(templateOf(object).selector) || "<none>",
    },
  ];
}

/** Where a load balancer is reachable: each address once, in order. */
export function balancerAddresses(
  balancer: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] } | undefined,
): readonly string[] {
  const addresses = (balancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || "");
  return [...new Set(addresses)].filter((address) => address !== "").sort();
}

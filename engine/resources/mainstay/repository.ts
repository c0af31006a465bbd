import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { Repository } from "../types.ts";

/** In the repository the file mainstay.yaml needs no metadata; in the cluster every object has it. */
export type RepositoryObject = Repository & { readonly metadata: NonNullable<Repository["metadata"]> };

export const repositoryResource = defineResource<RepositoryObject>({
  group: "mainstay.dev",
  version: "v1alpha1",
  resource: "repositories",
  kind: "Repository",
  singular: "repository",
  listKind: "RepositoryList",
  namespaced: false,
  shortNames: ["repo"],
  categories: ["mainstay"],
  schema: () => loadSchema("mainstay.dev/v1alpha1/repository.yaml"),
  strategy: {},
  columns: [
    nameColumn,
    { name: "Branch", type: "string", description: "Branch that is followed.", cell: (repository) => repository.observed?.branch ?? "" },
    { name: "Commit", type: "string", description: "Newest commit that was admitted.", cell: (repository) => (repository.observed?.commit ?? "").slice(0, 10) },
    { name: "Result", type: "string", description: "What became of it.", cell: (repository) => repository.observed?.result ?? "" },
    ageColumn,
  ],
});

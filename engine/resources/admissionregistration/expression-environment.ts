import type { CompileOptions } from "../../cel/compile.ts";
import { AUTHORIZER, RESOURCE_CHECK } from "../../cel/library/authorizer.ts";
import { BOOL, DYN, INT, listOf, mapOf, objectType, STRING, TIMESTAMP, type CelType, type ObjectType } from "../../cel/types.ts";
import { ProgramCache } from "../../cel/program-cache.ts";

/** What expressions may use beside the request itself. */
export interface ExpressionScope {
  readonly hasParams: boolean;
  /** Questions about rights; not for messages and audit annotations. */
  readonly hasAuthorizer: boolean;
}

const KIND = objectType("kubernetes.GroupVersionKind", { group: STRING, version: STRING, kind: STRING });
const RESOURCE = objectType("kubernetes.GroupVersionResource", { group: STRING, version: STRING, resource: STRING });
const USER = objectType("kubernetes.UserInfo", { username: STRING, uid: STRING, groups: listOf(STRING), extra: mapOf(STRING, listOf(STRING)) });

/** The request that is admitted, without its objects. */
const REQUEST_TYPE: ObjectType = objectType("kubernetes.AdmissionRequest", {
  kind: KIND,
  resource: RESOURCE,
  subResource: STRING,
  requestKind: KIND,
  requestResource: RESOURCE,
  requestSubResource: STRING,
  name: STRING,
  namespace: STRING,
  operation: STRING,
  userInfo: USER,
  dryRun: BOOL,
  options: DYN,
});

/** What expressions see of the request's namespace. */
const NAMESPACE_TYPE: ObjectType = objectType("kubernetes.Namespace", {
  metadata: objectType("kubernetes.NamespaceMetadata", {
    name: STRING,
    generateName: STRING,
    namespace: STRING,
    labels: mapOf(STRING, STRING),
    annotations: mapOf(STRING, STRING),
    UID: STRING,
    creationTimestamp: TIMESTAMP,
    deletionGracePeriodSeconds: INT,
    deletionTimestamp: TIMESTAMP,
    generation: INT,
    resourceVersion: STRING,
    finalizers: listOf(STRING),
  }),
  spec: objectType("kubernetes.NamespaceSpec", { finalizers: listOf(STRING) }),
  status: objectType("kubernetes.NamespaceStatus", { phase: STRING }),
});

/** The names that every expression of admission may use, with their types. Objects are of unknown shape: one policy is for many kinds. */
export function admissionVariables({ hasParams, hasAuthorizer }: ExpressionScope): Readonly<Record<string, CelType>> {
  return {
    object: DYN,
    oldObject: DYN,
    request: REQUEST_TYPE,
    namespaceObject: NAMESPACE_TYPE,
    ...(hasParams ? { params: DYN } : {}),
    ...(hasAuthorizer ? { authorizer: AUTHORIZER, "authorizer.requestResource": RESOURCE_CHECK } : {}),
  };
}

const conditionCaches = new Map<boolean, ProgramCache>();

/** Compiled match conditions; they may ask about rights, and of policies also look at parameters. */
export function conditionPrograms(hasParams: boolean): ProgramCache {
  let cache = conditionCaches.get(hasParams);
  if (cache === undefined) conditionCaches.set(hasParams, (cache = new ProgramCache(conditionOptions(hasParams))));
  return cache;
}

function conditionOptions(hasParams: boolean): CompileOptions {
  return { variables: admissionVariables({ hasParams, hasAuthorizer: true }), results: [BOOL], refusesDynamic: true };
}

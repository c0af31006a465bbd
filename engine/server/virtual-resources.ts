import type { ApiResult, UserInfo } from "../apimachinery/api-request.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { badRequest } from "../apimachinery/status-error.ts";
import type { AuthorizationAttributes } from "../auth/authorize.ts";
import { ISSUER } from "../auth/service-account-token.ts";
import { decodeObject } from "../registry/decode-object.ts";
import { refuseShape } from "../registry/validate-object.ts";
import { defineResource, type ResourceDefinition } from "../resources/define-resource.ts";
import { loadSchema } from "../resources/load-schema.ts";
import type { SelfSubjectAccessReview, SelfSubjectReview, SubjectAccessReview, SubjectAccessReviewSpec, TokenReview } from "../resources/types.ts";
import { madeUp, objectResult, type Exchange, type RequestOf } from "./exchange.ts";
import { tokenLookup } from "./token-lookup.ts";

/** A kind that is a question: it is created, answered and forgotten. */
export interface VirtualResource {
  readonly definition: ResourceDefinition;
  readonly create: (exchange: Exchange<RequestOf<"create">>) => Promise<ApiResult>;
}

function question<T extends KubeObject>(group: string, resource: string, kind: string, file: string, answer: (exchange: Exchange<RequestOf<"create">>, object: T) => Promise<object> | object): VirtualResource {
  const definition = defineResource<T>({ group, version: "v1", resource, kind, namespaced: false, verbs: ["create"], schema: loadSchema(`${group}/v1/${file}.yaml`), columns: [] }) as unknown as ResourceDefinition;
  return {
    definition,
    async create(exchange) {
      const { object, warnings, schemaErrors } = decodeObject(definition, exchange.request.body, exchange.request.options);
      if (schemaErrors.length > 0) refuseShape(definition, object, schemaErrors);
      const status = await answer(exchange, object as T); // decoded by this very definition
      return objectResult(201, madeUp({ ...object, status } as KubeObject), warnings);
    },
  };
}

export const virtualResources: readonly VirtualResource[] = [
  question<SelfSubjectReview & KubeObject>("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", "self-subject-review", ({ request }) => ({ userInfo: userStatus(request.user) })),
  question<TokenReview & KubeObject>("authentication.k8s.io", "tokenreviews", "TokenReview", "token-review", reviewToken),
  question<SelfSubjectAccessReview & KubeObject>("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", "self-subject-access-review", (exchange, { spec }) => reviewAccess(exchange, exchange.request.user, spec)),
  question<SubjectAccessReview & KubeObject>("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview", "subject-access-review", (exchange, { spec }) => {
    if (!spec.user && (spec.groups ?? []).length === 0) throw badRequest("at least one of user or group must be specified");
    return reviewAccess(exchange, { username: spec.user ?? "", groups: spec.groups ?? [] }, spec);
  }),
];

const byDefinition = new Map(virtualResources.map((virtual) => [virtual.definition, virtual]));

export function virtualResource(definition: ResourceDefinition): VirtualResource | undefined {
  return byDefinition.get(definition);
}

function userStatus({ username, uid, groups, extra }: UserInfo): object {
  return { username, ...(uid === undefined ? {} : { uid }), groups, ...(extra === undefined ? {} : { extra }) };
}

async function reviewAccess({ parts }: Exchange<RequestOf<"create">>, user: UserInfo, spec: Pick<SubjectAccessReviewSpec, "resourceAttributes" | "nonResourceAttributes">): Promise<object> {
  const { resourceAttributes: asked, nonResourceAttributes: path } = spec;
  if ((asked === undefined) === (path === undefined)) throw badRequest("exactly one of resourceAttributes and nonResourceAttributes must be specified");
  const attributes: AuthorizationAttributes =
    asked === undefined
      ? { is: "path", user, verb: path?.verb ?? "", path: path?.path ?? "" }
      : {
          is: "resource", user, verb: asked.verb ?? "", group: asked.group ?? "", resource: asked.resource ?? "",
          ...(asked.subresource ? { subresource: asked.subresource } : {}), namespace: asked.namespace ?? "", name: asked.name ?? "",
        };
  return { allowed: await parts.authorizer.allows(attributes) };
}

async function reviewToken({ parts }: Exchange<RequestOf<"create">>, { spec }: TokenReview): Promise<object> {
  const audiences = (spec.audiences ?? []).length === 0 ? [ISSUER] : (spec.audiences ?? []);
  const verified = await parts.tokens.verify(spec.token, audiences, tokenLookup(parts.store));
  if (verified === undefined) return { authenticated: false, user: {}, error: "[invalid bearer token]" };
  return { authenticated: true, user: userStatus(verified.user), audiences: verified.audiences };
}


import type { ApiResult, UserInfo } from "../../apimachinery/api-request.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { badRequest } from "../../apimachinery/status-error.ts";
import { decodeObject } from "../../registry/decode-object.ts";
import { refuseShape } from "../../registry/validate-object.ts";
import { defineResource, type ResourceDefinition } from "../../resources/define-resource.ts";
import { loadSchema } from "../../resources/load-schema.ts";
import type {
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  TokenReview,
} from "../../resources/types.ts";
import { admissionAttributes } from "../admission/admission-attributes.ts";
import { reviewLocally, reviewRules, reviewSelf, reviewSubject } from "./access-reviews.ts";
import { createBinding } from "../subresources/subresources.ts";
import { madeUp, nowText, objectResult, placeInNamespace, type Exchange, type RequestOf } from "../exchange.ts";
import { trackCreation } from "../track-creation.ts";

/** A kind that is a question: it is created, answered and forgotten. Webhooks see it as they see any other, policies never do. */
export interface VirtualResource {
  readonly definition: ResourceDefinition;
  readonly create: (exchange: Exchange<RequestOf<"create">>) => Promise<ApiResult>;
}

interface QuestionAddress {
  readonly group: string;
  readonly kind: string;
  readonly file: string;
  readonly namespaced?: true;
  /** The answer says when it was given, and nothing else of itself. */
  readonly isDated?: true;
  /** The answer does not repeat what was asked. */
  readonly isAnswerAlone?: true;
}

function question<T extends KubeObject>(
  { group, kind, file, namespaced, isDated, isAnswerAlone }: QuestionAddress,
  answer: (exchange: Exchange<RequestOf<"create">>, object: T) => Promise<object> | object,
): VirtualResource {
  const resource = `${kind.toLowerCase()}s`;
  const definition = defineResource<T>({
    group,
    version: "v1",
    resource,
    kind,
    namespaced: namespaced === true,
    verbs: ["create"],
    schema: () => loadSchema(`${group}/v1/${file}.yaml`),
    columns: [],
  }) as unknown as ResourceDefinition;
  return {
    definition,
    async create(exchange) {
      const { object: decoded, warnings, schemaErrors, emptied } = decodeObject(definition, withoutStatus(exchange.request.body), exchange.request.options);
      exchange.notes.warn(...warnings);
      if (schemaErrors.length > 0) refuseShape(definition, decoded, schemaErrors);
      const asked = trackCreation(exchange, placeInNamespace(exchange, decoded), emptied);
      const { admission } = exchange.parts;
      const attributes = admissionAttributes(
        exchange,
        { operation: "CREATE", name: asked.metadata.name ?? "", object: asked, old: undefined },
        exchange.request.options,
      );
      const object = placeInNamespace(exchange, await admission.mutate(attributes, asked));
      await admission.validate({ ...attributes, object });
      const status = await answer(exchange, object as T); // decoded by this very definition
      const shown = {
        ...object,
        ...(isDated === true ? { metadata: { creationTimestamp: nowText(exchange) } } : {}),
        ...(isAnswerAlone === true ? { metadata: {}, spec: {} } : {}),
      };
      return objectResult(201, madeUp({ ...shown, status } as KubeObject));
    },
  };
}

/** The answer is ours to give; typed clients send an empty one, which need not be complete. */
function withoutStatus(body: unknown): unknown {
  if (typeof body !== "object" || body === null || !("status" in body)) return body;
  const { status: _status, ...question } = body as Readonly<Record<string, unknown>>; // a JSON object
  return question;
}

const AUTHENTICATION = "authentication.k8s.io";
const AUTHORIZATION = "authorization.k8s.io";

const reviews: readonly VirtualResource[] = [
  question<SelfSubjectReview & KubeObject>({ group: AUTHENTICATION, kind: "SelfSubjectReview", file: "self-subject-review", isDated: true }, ({ request }) => ({
    userInfo: userStatus(request.user),
  })),
  question<TokenReview & KubeObject>({ group: AUTHENTICATION, kind: "TokenReview", file: "token-review" }, reviewToken),
  question<SelfSubjectAccessReview & KubeObject>(
    { group: AUTHORIZATION, kind: "SelfSubjectAccessReview", file: "self-subject-access-review" },
    ({ parts, request }, review) => reviewSelf(parts, request.user, review),
  ),
  question<SelfSubjectRulesReview & KubeObject>(
    { group: AUTHORIZATION, kind: "SelfSubjectRulesReview", file: "self-subject-rules-review", isAnswerAlone: true },
    ({ parts, request }, review) => reviewRules(parts, request.user, review),
  ),
  question<SubjectAccessReview & KubeObject>({ group: AUTHORIZATION, kind: "SubjectAccessReview", file: "subject-access-review" }, ({ parts }, review) =>
    reviewSubject(parts, review),
  ),
  question<LocalSubjectAccessReview & KubeObject>(
    { group: AUTHORIZATION, kind: "LocalSubjectAccessReview", file: "local-subject-access-review", namespaced: true },
    ({ parts, request }, review) => reviewLocally(parts, request.namespace ?? "", review),
  ),
];

/** The older address of pods/binding. */
const bindings: VirtualResource = {
  definition: defineResource({
    group: "",
    version: "v1",
    resource: "bindings",
    kind: "Binding",
    namespaced: true,
    verbs: ["create"],
    schema: () => loadSchema("core/v1/binding.yaml"),
    columns: [],
  }) as unknown as ResourceDefinition,
  create: createBinding,
};

export const virtualResources: readonly VirtualResource[] = [...reviews, bindings];

const byDefinition = new Map(virtualResources.map((virtual) => [virtual.definition, virtual]));

export function virtualResource(definition: ResourceDefinition): VirtualResource | undefined {
  return byDefinition.get(definition);
}

function userStatus({ username, uid, groups, extra }: UserInfo): object {
  return { username, ...(uid === undefined ? {} : { uid }), groups, ...(extra === undefined ? {} : { extra }) };
}

async function reviewToken({ parts, notes }: Exchange<RequestOf<"create">>, { spec }: TokenReview): Promise<object> {
  if (!spec.token) throw badRequest("token is required for TokenReview in authentication");
  const audiences = (spec.audiences ?? []).length === 0 ? parts.tokens.audiences : (spec.audiences ?? []);
  const verified = await parts.authenticator.authenticateToken(spec.token, audiences, notes);
  if (verified === undefined) return { user: {}, error: "[invalid bearer token]" };
  return { authenticated: true, user: userStatus(verified.user), audiences: verified.audiences };
}

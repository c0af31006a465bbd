import type { UserInfo } from "../../apimachinery/api-request.ts";
import { serviceAccountUser } from "../../apimachinery/known-users.ts";
import { AuthorizerValue, RESOURCE_CHECK, type AuthorizationAnswer, type AuthorizationQuestion } from "../../cel/library/authorizer.ts";
import type { AdmissionAttributes } from "../admission.ts";

/** Answers what expressions ask about a user's rights. */
export type AskRights = (user: UserInfo, question: AuthorizationQuestion) => Promise<AuthorizationAnswer>;

/** `authorizer` and `authorizer.requestResource` of one request. Answers are remembered between the expressions that share these. */
export function authorizerBindings({ user, definition, subresource, namespace, name }: AdmissionAttributes, ask: AskRights): Readonly<Record<string, unknown>> {
  const authorizer = new AuthorizerValue((question) =>
    ask(question.serviceAccount === undefined ? user : serviceAccountUser(question.serviceAccount), question),
  );
  const own = {
    group: definition.group,
    resource: definition.resource,
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === "" ? {} : { namespace }),
    ...(name === "" ? {} : { name }),
  };
  return { authorizer, "authorizer.requestResource": authorizer.with(own, RESOURCE_CHECK) };
}

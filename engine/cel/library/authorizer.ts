import { CelError } from "../cel-error.ts";
import { method, type Library } from "../functions.ts";
import { BOOL, opaque, STRING } from "../types.ts";
import { OpaqueValue } from "../values.ts";

export const AUTHORIZER = opaque("kubernetes.authorization.Authorizer");
const PATH_CHECK = opaque("kubernetes.authorization.PathCheck");
const GROUP_CHECK = opaque("kubernetes.authorization.GroupCheck");
export const RESOURCE_CHECK = opaque("kubernetes.authorization.ResourceCheck");
const DECISION = opaque("kubernetes.authorization.Decision");

/** What an expression asks: may the user (or a service account instead) do this? */
export interface AuthorizationQuestion {
  readonly verb: string;
  readonly serviceAccount?: { readonly namespace: string; readonly name: string };
  readonly path?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

export interface AuthorizationAnswer {
  readonly isAllowed: boolean;
  readonly reason: string;
  readonly error?: string;
}

/** Answers at once or later; while a later answer is awaited the expression is abandoned, and evaluated again with it. */
export type Ask = (question: AuthorizationQuestion) => AuthorizationAnswer | Promise<AuthorizationAnswer>;

/** Thrown through an evaluation that needs an answer that is not there yet. */
export class PendingAnswer extends Error {
  readonly answered: Promise<void>;
  constructor(answered: Promise<void>) {
    super("an authorization answer is awaited");
    this.answered = answered;
  }
}

type Builder = Omit<AuthorizationQuestion, "verb">;

/** `authorizer`, and what its methods return on the way to a check: they differ in the type of their name only. */
export class AuthorizerValue extends OpaqueValue {
  readonly typeName: string;
  readonly question: Builder;
  readonly #ask: Ask;
  readonly #answers: Map<string, AuthorizationAnswer>;

  constructor(
    ask: Ask,
    question: Builder = {},
    typeName = AUTHORIZER.kind === "opaque" ? AUTHORIZER.name : "",
    answers = new Map<string, AuthorizationAnswer>(),
  ) {
    super();
    this.#ask = ask;
    this.question = question;
    this.typeName = typeName;
    this.#answers = answers;
  }

  equals(other: OpaqueValue): boolean {
    return this === other;
  }

  with(more: Builder, type: typeof AUTHORIZER): AuthorizerValue {
    return new AuthorizerValue(this.#ask, { ...this.question, ...more }, type.kind === "opaque" ? type.name : "", this.#answers);
  }

  check(verb: string): DecisionValue {
    const question = { ...this.question, verb };
    const key = JSON.stringify(question);
    const known = this.#answers.get(key);
    if (known !== undefined) return new DecisionValue(known);
    const answer = this.#ask(question);
    if (!(answer instanceof Promise)) return new DecisionValue(this.#remember(key, answer));
    throw new PendingAnswer(answer.then((value) => void this.#remember(key, value)));
  }

  #remember(key: string, answer: AuthorizationAnswer): AuthorizationAnswer {
    this.#answers.set(key, answer);
    return answer;
  }
}

class DecisionValue extends OpaqueValue {
  readonly typeName = "kubernetes.authorization.Decision";
  readonly answer: AuthorizationAnswer;
  constructor(answer: AuthorizationAnswer) {
    super();
    this.answer = answer;
  }

  equals(other: OpaqueValue): boolean {
    return this === other;
  }
}

type Named = readonly [AuthorizerValue, string];
type Decided = readonly [DecisionValue];
const CHECK_COST = 350_000;

const part = (name: "subresource" | "namespace" | "name" | "fieldSelector" | "labelSelector") =>
  method<Named>(name, [RESOURCE_CHECK, STRING], RESOURCE_CHECK, ([check, value]) => check.with({ [name]: value }, RESOURCE_CHECK));
const check = (type: typeof AUTHORIZER) =>
  method<Named>(
    "check",
    [type, STRING],
    DECISION,
    ([builder, verb]) => builder.check(verb),
    () => CHECK_COST,
  );

function serviceAccount(authorizer: AuthorizerValue, namespace: string, name: string): AuthorizerValue {
  if (namespace === "" || name === "") throw new CelError(`Invalid service account ${namespace === "" ? "namespace" : "name"}`);
  return authorizer.with({ serviceAccount: { namespace, name } }, AUTHORIZER);
}

export const authorizerLibrary: Library = [
  method<Named>("path", [AUTHORIZER, STRING], PATH_CHECK, ([authorizer, path]) => authorizer.with({ path }, PATH_CHECK)),
  method<Named>("group", [AUTHORIZER, STRING], GROUP_CHECK, ([authorizer, group]) => authorizer.with({ group }, GROUP_CHECK)),
  method<readonly [AuthorizerValue, string, string]>("serviceAccount", [AUTHORIZER, STRING, STRING], AUTHORIZER, ([authorizer, namespace, name]) =>
    serviceAccount(authorizer, namespace, name),
  ),
  method<Named>("resource", [GROUP_CHECK, STRING], RESOURCE_CHECK, ([group, resource]) => group.with({ resource }, RESOURCE_CHECK)),
  part("subresource"),
  part("namespace"),
  part("name"),
  part("fieldSelector"),
  part("labelSelector"),
  check(PATH_CHECK),
  check(RESOURCE_CHECK),
  method<Decided>("allowed", [DECISION], BOOL, ([{ answer }]) => answer.isAllowed),
  method<Decided>("reason", [DECISION], STRING, ([{ answer }]) => answer.reason),
  method<Decided>("errored", [DECISION], BOOL, ([{ answer }]) => answer.error !== undefined),
  method<Decided>("error", [DECISION], STRING, ([{ answer }]) => answer.error ?? ""),
];

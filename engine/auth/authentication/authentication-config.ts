import * as yaml from "js-yaml";
import { ConfigFields } from "../../apimachinery/config-fields.ts";
import { withoutEndSlashes } from "../../lib/end-slashes.ts";
import { domainPrefixedPathErrors } from "../../apimachinery/domain-prefixed-path.ts";
import type { CelProgram } from "../../cel/compile.ts";
import type { EgressName } from "../../apimachinery/egress.ts";
import type { AnonymousPolicy } from "../authenticate.ts";
import { compileConfigExpression } from "../config-expression.ts";
import { compileClaimRule, compileClaimValue, compileUserRule, type ExpressionRule } from "./claim-expressions.ts";
import { checkedAuthorities } from "./client-certificate.ts";
import type { ClaimMapping, OidcProvider } from "./oidc.ts";

/** What an AuthenticationConfiguration file says. */
export interface AuthenticationConfig {
  readonly providers: readonly OidcProvider[];
  readonly anonymous: AnonymousPolicy | undefined;
}

const VERSIONS = ["apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1beta1"];
const ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"];
const PROVIDERS_MAX = 64;

/**
 * Reads an AuthenticationConfiguration (apiserver.config.k8s.io/v1). Throws with the field for what is wrong or not known here: half a
 * rule about who may come in would be worse than none. `ownIssuers` are those of the cluster's own tokens, which nobody else issues.
 */
export function parseAuthenticationConfig(text: string, ownIssuers: readonly string[]): AuthenticationConfig {
  const root = new ConfigFields(yaml.load(text), "");
  root.requireKind("AuthenticationConfiguration", VERSIONS);
  root.refuseOthers(["kind", "apiVersion", "jwt", "anonymous"]);
  const list = root.list("jwt");
  if (list.length > PROVIDERS_MAX) throw new Error(`jwt: must have at most ${PROVIDERS_MAX} items`);
  const providers = list.map((fields) => provider(fields, ownIssuers));
  refuseRepeated(
    list.map((fields) => fields.requiredPart("issuer")),
    "url",
  );
  refuseRepeated(
    list.map((fields) => fields.requiredPart("issuer")),
    "discoveryURL",
  );
  const anonymous = root.part("anonymous");
  return { providers, anonymous: anonymous === undefined ? undefined : anonymousPolicy(anonymous) };
}

function anonymousPolicy(fields: ConfigFields): AnonymousPolicy {
  fields.refuseOthers(["enabled", "conditions"]);
  const isEnabled = fields.flag("enabled");
  const conditions = fields.list("conditions");
  for (const condition of conditions) condition.refuseOthers(["path"]);
  if (!isEnabled && conditions.length > 0) throw new Error(`${fields.path}.conditions: enabled should be set to true when conditions are defined`);
  return { isEnabled, ...(conditions.length === 0 ? {} : { paths: conditions.map((one) => one.required("path")) }) };
}

function provider(fields: ConfigFields, ownIssuers: readonly string[]): OidcProvider {
  fields.refuseOthers(["issuer", "claimValidationRules", "claimMappings", "userValidationRules"]);
  const mappings = fields.requiredPart("claimMappings");
  mappings.refuseOthers(["username", "groups", "uid", "extra"]);
  const username = mapping(mappings.requiredPart("username"), false);
  if (username === undefined) throw new Error(`${mappings.path}.username: claim or expression is required`);
  const groupFields = mappings.part("groups");
  const groups = groupFields === undefined ? undefined : mapping(groupFields, true);
  const uid = uidMapping(mappings.part("uid"));
  const extra = extraValues(mappings.list("extra"));
  const claimRules = claimRulesOf(fields.list("claimValidationRules"));
  checkEmailIsVerified(mappings, username, [...Object.values(extra), ...claimRules.claimRules.map(({ program }) => program)]);
  return {
    ...issuerOf(fields.requiredPart("issuer"), ownIssuers),
    username,
    ...(groups === undefined ? {} : { groups }),
    ...(uid === undefined ? {} : { uid }),
    extra,
    ...claimRules,
    userRules: expressionRules(fields.list("userValidationRules"), ["expression", "message"], compileUserRule),
    algorithms: ALGORITHMS,
  };
}

function issuerOf(fields: ConfigFields, ownIssuers: readonly string[]): Pick<OidcProvider, "issuer" | "discoveryUrl" | "audiences" | "ca" | "egress"> {
  fields.refuseOthers(["url", "discoveryURL", "certificateAuthority", "audiences", "audienceMatchPolicy", "egressSelectorType"]);
  const issuer = fields.requiredParsed("url", (url) => checkedIssuer(url, ownIssuers));
  const discoveryUrl = fields.parsed("discoveryURL", (url) => checkedIssuer(url, []));
  if (discoveryUrl !== undefined && withoutSlashes(discoveryUrl) === withoutSlashes(issuer))
    throw new Error(`${fields.path}.discoveryURL: discoveryURL must be different from URL`);
  const ca = fields.parsed("certificateAuthority", checkedAuthorities);
  const egress = fields.parsed("egressSelectorType", egressName);
  return {
    issuer,
    audiences: audiencesOf(fields),
    ...(egress === undefined ? {} : { egress }),
    ...(discoveryUrl === undefined ? {} : { discoveryUrl }),
    ...(ca === undefined ? {} : { ca }),
  };
}

/** Throws in upstream's words for an address that no provider can have. */
export function checkedIssuer(text: string, ownIssuers: readonly string[]): string {
  if (ownIssuers.includes(text)) throw new Error(`URL must not overlap with disallowed issuers: [${[...ownIssuers].sort().join(" ")}]`);
  if (!URL.canParse(text)) throw new Error("must be a valid URL");
  const { protocol, username, password, search, hash } = new URL(text);
  if (protocol !== "https:") throw new Error("URL scheme must be https");
  if (username !== "" || password !== "") throw new Error("URL must not contain a username or password");
  if (search !== "") throw new Error("URL must not contain a query");
  if (hash !== "") throw new Error("URL must not contain a fragment");
  return text;
}

function egressName(text: string): EgressName {
  if (text !== "controlplane" && text !== "cluster") throw new Error("egress selector must be either controlplane or cluster");
  return text;
}

function withoutSlashes(url: string): string {
  return withoutEndSlashes(url);
}

function audiencesOf(fields: ConfigFields): readonly string[] {
  const audiences = fields.texts("audiences");
  const policy = fields.text("audienceMatchPolicy") ?? "";
  if (audiences.length === 0) throw new Error(`${fields.path}.audiences: at least one is needed`);
  audiences.forEach((audience, index) => {
    if (audience === "") throw new Error(`${fields.path}.audiences[${index}]: must be set`);
    if (audiences.indexOf(audience) < index) throw new Error(`${fields.path}.audiences[${index}]: ${JSON.stringify(audience)} is there twice`);
  });
  if (policy !== "MatchAny" && audiences.length > 1)
    throw new Error(`${fields.path}.audienceMatchPolicy: audienceMatchPolicy must be MatchAny for multiple audiences`);
  if (policy !== "MatchAny" && policy !== "")
    throw new Error(`${fields.path}.audienceMatchPolicy: audienceMatchPolicy must be empty or MatchAny for single audience`);
  return audiences;
}

/** Undefined where neither a claim nor an expression is named. */
function mapping(fields: ConfigFields, many: boolean): ClaimMapping | CelProgram | undefined {
  fields.refuseOthers(["claim", "prefix", "expression"]);
  const program = expressionAlone(fields, many);
  if (program !== undefined) {
    if (fields.text("prefix") !== undefined) throw new Error(`${fields.path}.prefix: may not be specified when expression is set`);
    return program;
  }
  const claim = fields.text("claim") ?? "";
  const prefix = fields.text("prefix");
  if (claim === "") return undefined;
  // Without a prefix somebody else's user could be one of ours: it has to be said that this is meant.
  if (prefix === undefined)
    throw new Error(`${fields.path}.prefix: prefix is required when claim is set. It can be set to an empty string to disable prefixing`);
  return { claim, prefix };
}

function uidMapping(fields: ConfigFields | undefined): ClaimMapping | CelProgram | undefined {
  fields?.refuseOthers(["claim", "expression"]);
  const program = fields === undefined ? undefined : expressionAlone(fields, false);
  const claim = fields?.text("claim") ?? "";
  return program ?? (claim === "" ? undefined : { claim, prefix: "" });
}

/** The expression, which stands alone; undefined where there is none. */
function expressionAlone(fields: ConfigFields, many: boolean): CelProgram | undefined {
  if ((fields.text("expression") ?? "") === "") return undefined;
  if ((fields.text("claim") ?? "") !== "") throw new Error(`${fields.path}: claim and expression can't both be set`);
  return compileConfigExpression(fields, "expression", (source) => compileClaimValue(source, many));
}

function claimRulesOf(rules: readonly ConfigFields[]): Required<Pick<OidcProvider, "requiredClaims" | "claimRules">> {
  const isSet = (rule: ConfigFields, name: string): boolean => (rule.text(name) ?? "") !== "";
  for (const rule of rules) {
    rule.refuseOthers(["claim", "requiredValue", "expression", "message"]);
    if (isSet(rule, "claim") && isSet(rule, "expression")) throw new Error(`${rule.path}: claim and expression can't both be set`);
    if (!isSet(rule, "claim") && !isSet(rule, "expression")) throw new Error(`${rule.path}: claim or expression is required`);
    if (isSet(rule, "claim") && isSet(rule, "message")) throw new Error(`${rule.path}.message: may not be specified when claim is set`);
    if (isSet(rule, "expression") && isSet(rule, "requiredValue")) throw new Error(`${rule.path}.requiredValue: may not be specified when expression is set`);
  }
  refuseRepeated(rules, "claim");
  return {
    requiredClaims: Object.fromEntries(rules.filter((rule) => isSet(rule, "claim")).map((rule) => [rule.required("claim"), rule.text("requiredValue") ?? ""])),
    claimRules: expressionRules(
      rules.filter((rule) => isSet(rule, "expression")),
      ["requiredValue", "expression", "message"],
      compileClaimRule,
    ),
  };
}

function expressionRules(rules: readonly ConfigFields[], known: readonly string[], compile: (source: string) => CelProgram): readonly ExpressionRule[] {
  for (const rule of rules) rule.refuseOthers(known);
  refuseRepeated(rules, "expression");
  return rules.map((rule) => ({ program: compileConfigExpression(rule, "expression", compile), message: rule.text("message") ?? "" }));
}

/** What two say in this field; a text that is not set is nobody's. */
function refuseRepeated(list: readonly ConfigFields[], name: string): void {
  const texts = list.map((fields) => fields.text(name) ?? "");
  texts.forEach((text, index) => {
    if (text !== "" && texts.indexOf(text) < index) throw new Error(`${list[index]?.path}.${name}: ${JSON.stringify(text)} is there twice`);
  });
}

function extraValues(list: readonly ConfigFields[]): Readonly<Record<string, CelProgram>> {
  for (const fields of list) fields.refuseOthers(["key", "valueExpression"]);
  refuseRepeated(list, "key");
  return Object.fromEntries(
    list.map((fields) => [
      fields.requiredParsed("key", extraKey),
      compileConfigExpression(fields, "valueExpression", (source) => compileClaimValue(source, true)),
    ]),
  );
}

/** Upstream's rules: others' values stand under domains of their own, and what this cluster says of a user cannot be said by a provider. */
function extraKey(key: string): string {
  const [error] = domainPrefixedPathErrors(key, "");
  if (error !== undefined) throw new Error(error.message);
  if (key !== key.toLowerCase()) throw new Error("must be lowercase");
  if (/^(?:[^/]*\.)?(?:kubernetes|k8s)\.io\//.test(key)) throw new Error("k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use");
  return key;
}

/** Upstream's rule: an address that nobody has checked is no name. */
function checkEmailIsVerified(mappings: ConfigFields, username: ClaimMapping | CelProgram, others: readonly CelProgram[]): void {
  if ("claim" in username || !username.uses("claims.email")) return;
  if ([username, ...others].some((program) => program.uses("claims.email_verified"))) return;
  throw new Error(
    `${mappings.path}.username.expression: claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression`,
  );
}

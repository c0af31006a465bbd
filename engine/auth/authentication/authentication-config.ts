import * as yaml from "js-yaml";
import { ConfigFields } from "../../apimachinery/config-fields.ts";
import { domainPrefixedPathErrors } from "../../apimachinery/domain-prefixed-path.ts";
import type { CelProgram } from "../../cel/compile.ts";
import type { AnonymousPolicy } from "../authenticate.ts";
import { compileConfigExpression } from "../config-expression.ts";
import { compileClaimRule, compileClaimValue, compileUserRule } from "./claim-expressions.ts";
import type { ClaimMapping, OidcProvider } from "./oidc.ts";

/** What an AuthenticationConfiguration file says. */
export interface AuthenticationConfig {
  readonly providers: readonly OidcProvider[];
  readonly anonymous: AnonymousPolicy | undefined;
}

const VERSIONS = ["apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1beta1"];
const ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"];

/**
 * Reads an AuthenticationConfiguration (apiserver.config.k8s.io/v1). Throws with the field for what is wrong or not known here: half a
 * rule about who may come in would be worse than none.
 */
export function parseAuthenticationConfig(text: string): AuthenticationConfig {
  const root = new ConfigFields(yaml.load(text), "");
  root.requireKind("AuthenticationConfiguration", VERSIONS);
  root.refuseOthers(["kind", "apiVersion", "jwt", "anonymous"]);
  const anonymous = root.part("anonymous");
  const conditions = anonymous?.list("conditions");
  const providers = root.list("jwt").map(provider);
  const repeated = providers.find(({ issuer }, index) => providers.findIndex((one) => one.issuer === issuer) < index);
  if (repeated !== undefined) throw new Error(`jwt: the issuer ${repeated.issuer} is there twice`);
  return {
    providers,
    anonymous: anonymous === undefined ? undefined : { isEnabled: anonymous.value("enabled") === true, ...(conditions === undefined || conditions.length === 0 ? {} : { paths: conditions.map((one) => one.required("path")) }) },
  };
}

function provider(fields: ConfigFields): OidcProvider {
  fields.refuseOthers(["issuer", "claimValidationRules", "claimMappings", "userValidationRules"]);
  const issuer = fields.requiredPart("issuer");
  issuer.refuseOthers(["url", "discoveryURL", "certificateAuthority", "audiences", "audienceMatchPolicy"]);
  const url = issuer.required("url");
  if (!url.startsWith("https://")) throw new Error(`${issuer.path}.url: must be an https address`);
  const audiences = issuer.texts("audiences");
  if (audiences.length === 0) throw new Error(`${issuer.path}.audiences: at least one is needed`);
  const mappings = fields.requiredPart("claimMappings");
  mappings.refuseOthers(["username", "groups", "uid", "extra"]);
  const discoveryUrl = issuer.text("discoveryURL");
  const ca = issuer.text("certificateAuthority");
  const groups = mappings.part("groups");
  const uid = mappings.part("uid");
  const claimRules = fields.list("claimValidationRules");
  const userRules = fields.list("userValidationRules");
  checkEmailIsVerified(mappings, claimRules);
  return {
    issuer: url,
    audiences,
    ...(discoveryUrl === undefined ? {} : { discoveryUrl }),
    ...(ca === undefined ? {} : { ca }),
    username: mapping(mappings.requiredPart("username"), false),
    ...(groups === undefined ? {} : { groups: mapping(groups, true) }),
    ...(uid === undefined ? {} : { uid: uid.text("expression") === undefined ? { claim: uid.required("claim"), prefix: "" } : compileConfigExpression(uid, "expression", (source) => compileClaimValue(source, false)) }),
    extra: extraValues(mappings.list("extra")),
    requiredClaims: Object.fromEntries(claimRules.filter((rule) => rule.text("expression") === undefined).map((rule) => [rule.required("claim"), rule.text("requiredValue") ?? ""])),
    claimRules: claimRules.filter((rule) => rule.text("expression") !== undefined).map((rule) => ({ program: compileConfigExpression(rule, "expression", compileClaimRule), message: rule.text("message") ?? "" })),
    userRules: userRules.map((rule) => ({ program: compileConfigExpression(rule, "expression", compileUserRule), message: rule.text("message") ?? "" })),
    algorithms: ALGORITHMS,
  };
}

function mapping(fields: ConfigFields, many: boolean): ClaimMapping | CelProgram {
  if (fields.text("expression") !== undefined) {
    if (fields.text("claim") !== undefined || fields.text("prefix") !== undefined) throw new Error(`${fields.path}: expression stands alone, without claim and prefix`);
    return compileConfigExpression(fields, "expression", (source) => compileClaimValue(source, many));
  }
  const claim = fields.required("claim");
  const prefix = fields.text("prefix");
  // Without a prefix somebody else's user could be one of ours: it has to be said that this is meant.
  if (prefix === undefined) throw new Error(`${fields.path}.prefix: must be set, to an empty text when there is none`);
  return { claim, prefix };
}

function extraValues(list: readonly ConfigFields[]): OidcProvider["extra"] {
  const extra: Record<string, CelProgram> = {};
  for (const fields of list) {
    const key = fields.requiredParsed("key", extraKey);
    if (extra[key] !== undefined) throw new Error(`${fields.path}.key: ${JSON.stringify(key)} is there twice`);
    extra[key] = compileConfigExpression(fields, "valueExpression", (source) => compileClaimValue(source, true));
  }
  return extra;
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
function checkEmailIsVerified(mappings: ConfigFields, claimRules: readonly ConfigFields[]): void {
  const username = mappings.requiredPart("username").text("expression") ?? "";
  if (!/\bclaims\.email\b/.test(username)) return;
  const places = [username, ...mappings.list("extra").map((one) => one.text("valueExpression") ?? ""), ...claimRules.map((rule) => rule.text("expression") ?? "")];
  if (places.some((source) => /\bclaims\.(\?)?email_verified\b/.test(source))) return;
  throw new Error(`${mappings.path}.username.expression: claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression`);
}

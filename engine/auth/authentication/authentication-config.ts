import * as yaml from "js-yaml";
import { CelCompileError } from "../../cel/cel-error.ts";
import type { CelProgram } from "../../cel/compile.ts";
import type { AnonymousPolicy } from "../authenticate.ts";
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
  const root = new Fields(yaml.load(text), "");
  if (root.text("kind") !== "AuthenticationConfiguration" || !VERSIONS.includes(root.text("apiVersion") ?? "")) throw new Error(`must be an AuthenticationConfiguration of ${VERSIONS[0]}`);
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

function provider(fields: Fields): OidcProvider {
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
    ...(uid === undefined ? {} : { uid: uid.text("expression") === undefined ? { claim: uid.required("claim"), prefix: "" } : uid.compiled("expression", (source) => compileClaimValue(source, false)) }),
    extra: Object.fromEntries(mappings.list("extra").map((one) => [one.required("key"), one.compiled("valueExpression", (source) => compileClaimValue(source, true))])),
    requiredClaims: Object.fromEntries(claimRules.filter((rule) => rule.text("expression") === undefined).map((rule) => [rule.required("claim"), rule.text("requiredValue") ?? ""])),
    claimRules: claimRules.filter((rule) => rule.text("expression") !== undefined).map((rule) => ({ program: rule.compiled("expression", compileClaimRule), message: rule.text("message") ?? "" })),
    userRules: userRules.map((rule) => ({ program: rule.compiled("expression", compileUserRule), message: rule.text("message") ?? "" })),
    algorithms: ALGORITHMS,
  };
}

function mapping(fields: Fields, many: boolean): ClaimMapping | CelProgram {
  if (fields.text("expression") !== undefined) {
    if (fields.text("claim") !== undefined || fields.text("prefix") !== undefined) throw new Error(`${fields.path}: expression stands alone, without claim and prefix`);
    return fields.compiled("expression", (source) => compileClaimValue(source, many));
  }
  const claim = fields.required("claim");
  const prefix = fields.text("prefix");
  // Without a prefix somebody else's user could be one of ours: it has to be said that this is meant.
  if (prefix === undefined) throw new Error(`${fields.path}.prefix: must be set, to an empty text when there is none`);
  return { claim, prefix };
}

/** Upstream's rule: an address that nobody has checked is no name. */
function checkEmailIsVerified(mappings: Fields, claimRules: readonly Fields[]): void {
  const username = mappings.requiredPart("username").text("expression") ?? "";
  if (!/\bclaims\.email\b/.test(username)) return;
  const places = [username, ...mappings.list("extra").map((one) => one.text("valueExpression") ?? ""), ...claimRules.map((rule) => rule.text("expression") ?? "")];
  if (places.some((source) => /\bclaims\.(\?)?email_verified\b/.test(source))) return;
  throw new Error(`${mappings.path}.username.expression: claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression`);
}

/** The fields of an object in the file, read with their place in it. */
class Fields {
  readonly path: string;
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(value: unknown, path: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${path === "" ? "the file" : path}: must be an object`);
    this.#fields = value as Readonly<Record<string, unknown>>; // just checked
    this.path = path;
  }

  value(name: string): unknown {
    return this.#fields[name];
  }

  text(name: string): string | undefined {
    const value = this.#fields[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== "string") throw new Error(`${this.#at(name)}: must be a text`);
    return value;
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === undefined || value === "") throw new Error(`${this.#at(name)}: must be set`);
    return value;
  }

  texts(name: string): readonly string[] {
    const value = this.#fields[name] ?? [];
    if (!Array.isArray(value) || !value.every((one): one is string => typeof one === "string")) throw new Error(`${this.#at(name)}: must be a list of texts`);
    return value;
  }

  part(name: string): Fields | undefined {
    const value = this.#fields[name];
    return value === undefined || value === null ? undefined : new Fields(value, this.#at(name));
  }

  requiredPart(name: string): Fields {
    return new Fields(this.#fields[name], this.#at(name));
  }

  list(name: string): readonly Fields[] {
    const value = this.#fields[name] ?? [];
    if (!Array.isArray(value)) throw new Error(`${this.#at(name)}: must be a list`);
    return value.map((one: unknown, index) => new Fields(one, `${this.#at(name)}[${index}]`));
  }

  /** An expression, compiled; a fault in it is told with its place in the file. */
  compiled(name: string, compile: (source: string) => CelProgram): CelProgram {
    const source = this.required(name);
    try {
      return compile(source);
    } catch (error) {
      if (!(error instanceof CelCompileError)) throw error;
      throw new Error(`${this.#at(name)}: compilation failed: ${error.message}`, { cause: error });
    }
  }

  refuseOthers(known: readonly string[]): void {
    const other = Object.keys(this.#fields).find((name) => !known.includes(name));
    if (other !== undefined) throw new Error(`${this.#at(other)}: is not known`);
  }

  #at(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }
}

import { invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { parseYamlDocuments } from "../../apimachinery/yaml.ts";
import { parseGoDurationMs } from "../../lib/go-duration.ts";
import type { KmsSettings } from "./kms-provider.ts";
import { IDENTITY, sealerOf, type SealerKind, type Sealer } from "./sealers.ts";

/** Which resources are stored how: the first provider writes, all of them read. */
export interface EncryptionRule {
  /** `secrets`, `deployments.apps`, `*.apps`, `*.` for the core group, `*.*` for everything. */
  readonly resources: readonly string[];
  /** Never empty. */
  readonly sealers: readonly Sealer[];
}

interface RawKey {
  readonly name?: unknown;
  readonly secret?: unknown;
}

interface RawKms {
  readonly apiVersion?: unknown;
  readonly name?: unknown;
  readonly endpoint?: unknown;
  readonly timeout?: unknown;
}

type RawProvider = Readonly<Record<string, (RawKms & { readonly keys?: readonly RawKey[] }) | undefined>>;

/** Connects to a key management plugin. */
export type OpenKms = (settings: KmsSettings) => Sealer;

const API_VERSIONS = ["apiserver.config.k8s.io/v1", "v1"];
const KINDS = ["EncryptionConfiguration", "EncryptionConfig"];
const KEY_BYTES: Readonly<Record<SealerKind, readonly number[]>> = { aescbc: [16, 24, 32], aesgcm: [16, 24, 32], secretbox: [32] };
const isSealerKind = (name: string): name is SealerKind => name in KEY_BYTES;

/** Reads an EncryptionConfiguration of upstream's form. Throws with every problem, before any plugin is connected to; keys are never part of a message. */
export function parseEncryptionConfig(text: string, openKms: OpenKms): readonly EncryptionRule[] {
  const value = parseYamlDocuments(text)[0]?.value;
  if (typeof value !== "object" || value === null) throw new Error("it holds no object");
  const { apiVersion, kind, resources } = value as { readonly apiVersion?: unknown; readonly kind?: unknown; readonly resources?: unknown }; // checked here
  if (!API_VERSIONS.includes(String(apiVersion)) || !KINDS.includes(String(kind))) throw new Error("it must be an EncryptionConfiguration of apiserver.config.k8s.io/v1");
  if (!Array.isArray(resources) || resources.length === 0) throw new Error("resources: Required value: at least one resource is required");
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const rules = (resources as readonly { readonly resources?: readonly string[]; readonly providers?: readonly RawProvider[] }[]).map((rule, index) => {
    const at = `resources[${index}]`;
    errors.push(...resourceErrors(rule.resources ?? [], `${at}.resources`));
    if ((rule.providers ?? []).length === 0) errors.push(requiredField(`${at}.providers`, "at least one provider is required"));
    return { resources: rule.resources ?? [], sealers: (rule.providers ?? []).flatMap((provider, p) => sealersOf(provider, `${at}.providers[${p}]`, names, errors)) };
  });
  if (errors.length > 0) throw new Error(errors.map(({ field, message }) => `${field}: ${message}`).join(", "));
  return rules.map(({ resources: names, sealers }) => ({ resources: names, sealers: sealers.map((sealer) => ("endpoint" in sealer ? openKms(sealer) : sealer)) }));
}

/** The rule for a resource; undefined where it is stored as it is. */
export function ruleFor(rules: readonly EncryptionRule[], group: string, resource: string): EncryptionRule | undefined {
  const names = [group === "" ? resource : `${resource}.${group}`, `*.${group}`, "*.*"];
  return rules.find(({ resources }) => resources.some((name) => names.includes(name)));
}

function resourceErrors(resources: readonly string[], at: string): FieldError[] {
  if (resources.length === 0) return [requiredField(at, "at least one resource is required")];
  const errors = resources.flatMap((name, index) => {
    const field = `${at}[${index}]`;
    if (name === "*") return [invalidField(field, name, "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources")];
    if (name !== name.toLowerCase()) return [invalidField(field, name, "resource name should not contain capital letters")];
    if (name.startsWith("*") && name.split(".").includes("*", 1) && name !== "*.*") return [invalidField(field, name, "encrypting the same resource across groups is not supported")];
    if (name.endsWith(".*") && name !== "*.*") return [invalidField(field, name, "encrypting the same resource across groups is not supported")];
    return name.endsWith("events.k8s.io") ? [invalidField(field, name, "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file")] : [];
  });
  if (new Set(resources).size < resources.length) errors.push(invalidField(at, resources, "the same resource cannot be specified multiple times"));
  const isMasked = resources.some((name) => resources.some((other) => other !== name && (other === "*.*" || (other.startsWith("*.") && (name.includes(".") ? name.endsWith(other.slice(1)) && other !== "*." : other === "*.")))));
  if (isMasked) errors.push(invalidField(at, resources, "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked"));
  return errors;
}

function sealersOf(provider: RawProvider, at: string, kmsNames: Set<string>, errors: FieldError[]): readonly (Sealer | KmsSettings)[] {
  const kinds = Object.keys(provider);
  if (kinds.length > 1) errors.push(invalidField(at, kinds, "more than one provider specified in a single element, should split into different list elements"));
  const [kind = ""] = kinds;
  if (kind === "identity") return [IDENTITY];
  if (kind === "kms") return kmsSettings(provider[kind] ?? {}, `${at}.kms`, kmsNames, errors);
  if (!isSealerKind(kind)) {
    errors.push(invalidField(at, kind, "provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity"));
    return [];
  }
  const keys = provider[kind]?.keys ?? [];
  if (keys.length === 0) errors.push(requiredField(`${at}.${kind}.keys`, "at least one keys is required"));
  return keys.flatMap((key, index) => sealerOfKey(kind, key, `${at}.${kind}.keys[${index}]`, errors));
}

const KMS_TIMEOUT = "3s";

function kmsSettings({ apiVersion = "v1", name, endpoint, timeout = KMS_TIMEOUT }: RawKms, at: string, names: Set<string>, errors: FieldError[]): readonly KmsSettings[] {
  const before = errors.length;
  if (apiVersion === "v1") errors.push(invalidField(`${at}.apiVersion`, apiVersion, "KMSv1 is deprecated and is not served here: use KMSv2 instead, with apiVersion v2"));
  else if (apiVersion !== "v2") errors.push(invalidField(`${at}.apiVersion`, apiVersion, "unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported"));
  if (typeof name !== "string" || name === "") errors.push(requiredField(`${at}.name`, "name is a mandatory field for a provider"));
  else if (name.includes(":")) errors.push(invalidField(`${at}.name`, name, `invalid KMS provider name ${name}, must not contain ':'`));
  else if (names.has(name)) errors.push(invalidField(`${at}.name`, name, `duplicate KMS provider name ${name}, names must be unique`));
  else names.add(name);
  if (typeof endpoint !== "string" || endpoint === "") errors.push(invalidField(`${at}.endpoint`, "", "endpoint is a mandatory field for a kms"));
  else if (!endpoint.startsWith("unix:///")) errors.push(invalidField(`${at}.endpoint`, endpoint, `unsupported scheme ${JSON.stringify(endpoint.split(":")[0])} for KMS provider, only unix is supported`));
  const timeoutMs = parseGoDurationMs(String(timeout));
  if (timeoutMs === undefined || timeoutMs <= 0) errors.push(invalidField(`${at}.timeout`, timeout, "timeout should be a positive value"));
  return errors.length > before ? [] : [{ name: String(name), endpoint: String(endpoint), timeoutMs: timeoutMs ?? 0 }];
}

function sealerOfKey(kind: SealerKind, { name, secret }: RawKey, at: string, errors: FieldError[]): readonly Sealer[] {
  const before = errors.length;
  if (typeof name !== "string" || name === "") errors.push(requiredField(`${at}.name`, "name is a mandatory field for a key"));
  if (typeof secret !== "string" || secret === "") errors.push(requiredField(`${at}.secret`, "secret is a mandatory field for a key"));
  else if (!/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(secret)) errors.push(invalidField(`${at}.secret`, "REDACTED", "secrets must be base64 encoded"));
  if (errors.length > before || typeof name !== "string" || typeof secret !== "string") return [];
  const key = Buffer.from(secret, "base64");
  if (!KEY_BYTES[kind].includes(key.length)) {
    errors.push(invalidField(`${at}.secret`, "REDACTED", `secret is not of the expected length, got ${key.length}, expected one of [${KEY_BYTES[kind].join(" ")}]`));
    return [];
  }
  return [sealerOf(kind, name, key)];
}

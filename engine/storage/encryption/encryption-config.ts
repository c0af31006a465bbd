import { ConfigFields } from "../../apimachinery/config-fields.ts";
import { invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { parseYamlDocuments } from "../../apimachinery/yaml/yaml.ts";
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

/** Connects to a key management plugin. */
export type OpenKms = (settings: KmsSettings) => Sealer;

const API_VERSIONS = ["apiserver.config.k8s.io/v1", "v1"];
const KINDS = ["EncryptionConfiguration", "EncryptionConfig"];
const KEY_BYTES: Readonly<Record<SealerKind, readonly number[]>> = { aescbc: [16, 24, 32], aesgcm: [16, 24, 32], secretbox: [32] };
const PROVIDERS = ["kms", "aesgcm", "aescbc", "secretbox", "identity"] as const;
/** What upstream keeps for itself. */
const UNSERVED = ["apiserveripinfo", "serviceipallocations", "servicenodeportallocations"];

/**
 * Reads an EncryptionConfiguration of upstream's form. Throws with every problem, before any plugin is connected to, or with the first
 * field that cannot be read; keys are never part of a message.
 */
export function parseEncryptionConfig(text: string, openKms: OpenKms): readonly EncryptionRule[] {
  const root = new ConfigFields(parseYamlDocuments(text)[0]?.value, "");
  if (!API_VERSIONS.includes(root.text("apiVersion") ?? "") || !KINDS.includes(root.text("kind") ?? ""))
    throw new Error("it must be an EncryptionConfiguration of apiserver.config.k8s.io/v1");
  root.refuseOthers(["apiVersion", "kind", "resources"]);
  const list = root.list("resources");
  if (list.length === 0) throw new Error("resources: Required value: at least one resource is required");
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const rules = list.map((rule) => {
    rule.refuseOthers(["resources", "providers"]);
    const [resources, providers] = [rule.texts("resources"), rule.list("providers")];
    errors.push(...resourceErrors(resources, `${rule.path}.resources`));
    if (providers.length === 0) errors.push(requiredField(`${rule.path}.providers`, "at least one provider is required"));
    return { resources, sealers: providers.flatMap((provider) => sealersOf(provider, names, errors)) };
  });
  if (errors.length > 0) throw new Error(errors.map(({ field, message }) => `${field}: ${message}`).join(", "));
  return rules.map(({ resources: names, sealers }) => ({
    resources: names,
    sealers: sealers.map((sealer) => ("endpoint" in sealer ? openKms(sealer) : sealer)),
  }));
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
    if (UNSERVED.includes(name)) return [invalidField(field, name, "resources which do not have REST API/s cannot be encrypted")];
    if (name !== name.toLowerCase()) return [invalidField(field, name, "resource name should not contain capital letters")];
    if (name.startsWith("*") && name.split(".").includes("*", 1) && name !== "*.*")
      return [invalidField(field, name, "encrypting the same resource across groups is not supported")];
    if (name.endsWith(".*") && name !== "*.*") return [invalidField(field, name, "encrypting the same resource across groups is not supported")];
    if (name.endsWith(".extensions")) return [invalidField(field, name, "'extensions' group has been removed and cannot be used for encryption")];
    return name.endsWith(".events.k8s.io")
      ? [invalidField(field, name, "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file")]
      : [];
  });
  if (new Set(resources).size < resources.length) errors.push(invalidField(at, resources, "the same resource cannot be specified multiple times"));
  const isMasked = resources.some((name) =>
    resources.some(
      (other) =>
        other !== name &&
        (other === "*.*" || (other.startsWith("*.") && (name.includes(".") ? name.endsWith(other.slice(1)) && other !== "*." : other === "*."))),
    ),
  );
  if (isMasked)
    errors.push(
      invalidField(at, resources, "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked"),
    );
  return errors;
}

function sealersOf(provider: ConfigFields, kmsNames: Set<string>, errors: FieldError[]): readonly (Sealer | KmsSettings)[] {
  provider.refuseOthers(PROVIDERS);
  const kinds = PROVIDERS.filter((name) => provider.part(name) !== undefined);
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    errors.push(
      invalidField(
        provider.path,
        kinds,
        kind === undefined
          ? "provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity"
          : "more than one provider specified in a single element, should split into different list elements",
      ),
    );
    return [];
  }
  const settings = provider.requiredPart(kind);
  if (kind === "identity") {
    settings.refuseOthers([]);
    return [IDENTITY];
  }
  if (kind === "kms") return kmsSettings(settings, kmsNames, errors);
  settings.refuseOthers(["keys"]);
  const keys = settings.list("keys");
  if (keys.length === 0) errors.push(requiredField(`${settings.path}.keys`, "at least one keys is required"));
  return keys.flatMap((key) => sealerOfKey(kind, key, errors));
}

const KMS_TIMEOUT = "3s";

function kmsSettings(fields: ConfigFields, names: Set<string>, errors: FieldError[]): readonly KmsSettings[] {
  fields.refuseOthers(["apiVersion", "name", "cachesize", "endpoint", "timeout"]);
  const before = errors.length;
  const [apiVersion, name, endpoint, timeout] = [
    fields.text("apiVersion") ?? "v1",
    fields.text("name") ?? "",
    fields.text("endpoint") ?? "",
    fields.text("timeout") ?? KMS_TIMEOUT,
  ];
  const at = fields.path;
  if (apiVersion === "v1")
    errors.push(invalidField(`${at}.apiVersion`, apiVersion, "KMSv1 is deprecated and is not served here: use KMSv2 instead, with apiVersion v2"));
  else if (apiVersion !== "v2")
    errors.push(invalidField(`${at}.apiVersion`, apiVersion, "unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported"));
  else if ((fields.value("cachesize") ?? undefined) !== undefined)
    errors.push(invalidField(`${at}.cachesize`, fields.value("cachesize"), "cachesize is not supported in v2"));
  if (name === "") errors.push(requiredField(`${at}.name`, "name is a mandatory field for a provider"));
  else if (name.includes(":")) errors.push(invalidField(`${at}.name`, name, `invalid KMS provider name ${name}, must not contain ':'`));
  else if (names.has(name)) errors.push(invalidField(`${at}.name`, name, `duplicate KMS provider name ${name}, names must be unique`));
  else names.add(name);
  if (endpoint === "") errors.push(invalidField(`${at}.endpoint`, "", "endpoint is a mandatory field for a kms"));
  else if (!endpoint.startsWith("unix:///"))
    errors.push(
      invalidField(`${at}.endpoint`, endpoint, `unsupported scheme ${JSON.stringify(endpoint.split(":")[0])} for KMS provider, only unix is supported`),
    );
  const timeoutMs = parseGoDurationMs(timeout);
  if (timeoutMs === undefined || timeoutMs <= 0) errors.push(invalidField(`${at}.timeout`, timeout, "timeout should be a positive value"));
  return errors.length > before ? [] : [{ name, endpoint, timeoutMs: timeoutMs ?? 0 }];
}

function sealerOfKey(kind: SealerKind, fields: ConfigFields, errors: FieldError[]): readonly Sealer[] {
  fields.refuseOthers(["name", "secret"]);
  const before = errors.length;
  const [name, secret, at] = [fields.text("name") ?? "", fields.text("secret") ?? "", fields.path];
  if (name === "") errors.push(requiredField(`${at}.name`, "name is a mandatory field for a key"));
  if (secret === "") errors.push(requiredField(`${at}.secret`, "secret is a mandatory field for a key"));
  else if (!/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(secret)) errors.push(invalidField(`${at}.secret`, "REDACTED", "secrets must be base64 encoded"));
  if (errors.length > before) return [];
  const key = Buffer.from(secret, "base64");
  if (!KEY_BYTES[kind].includes(key.length)) {
    errors.push(
      invalidField(`${at}.secret`, "REDACTED", `secret is not of the expected length, got ${key.length}, expected one of [${KEY_BYTES[kind].join(" ")}]`),
    );
    return [];
  }
  return [sealerOf(kind, name, key)];
}

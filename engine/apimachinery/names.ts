/**
 * Rules for names, label keys and label values. Each function gives undefined when the text is right,
 * else the sentence that a Kubernetes API server answers (RFC 1123 and RFC 1035 with its own limits).
 */

const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE = `(${QUALIFIED_NAME})?`;

const rules = {
  label: rule(LABEL, 63, "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character", ["my-name", "123-abc"]),
  subdomain: rule(SUBDOMAIN, 253, "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character", ["example.com"]),
  wildcard: rule(`\\*\\.${SUBDOMAIN}`, 253, "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character", ["*.example.com"]),
  label1035: rule(LABEL_1035, 63, "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character", ["my-name", "abc-123"]),
  qualifiedName: rule(QUALIFIED_NAME, 63, "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character", ["MyName", "my.name", "123-abc"]),
  labelValue: rule(LABEL_VALUE, 63, "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character", ["MyValue", "my_value", "12345"]),
};

export function dnsLabelError(name: string): string | undefined {
  if (!rules.label.pattern.test(name) && rules.subdomain.pattern.test(name)) return problemOf(rules.label, name, "characters", "must not contain dots");
  return problemOf(rules.label, name, "characters");
}

export function dnsSubdomainError(name: string): string | undefined {
  return problemOf(rules.subdomain, name, "characters");
}

/** A subdomain whose first label is a star, as in hosts of an Ingress. */
export function wildcardSubdomainError(name: string): string | undefined {
  return problemOf(rules.wildcard, name, "characters");
}

export function dns1035LabelError(name: string): string | undefined {
  return problemOf(rules.label1035, name, "characters");
}

/** Names that only have to fit into a URL, such as those of roles. */
export function pathSegmentNameError(name: string): string | undefined {
  if (name === "." || name === "..") return `may not be '${name}'`;
  const problems = ["/", "%"].filter((illegal) => name.includes(illegal)).map((illegal) => `may not contain '${illegal}'`);
  return problems.length === 0 ? undefined : problems.join("; ");
}

/** Keys of labels and annotations, and finalizers: an optional DNS subdomain, a slash, and a name. */
export function qualifiedNameError(key: string): string | undefined {
  const slash = key.indexOf("/");
  if (slash !== key.lastIndexOf("/")) return `a valid label key ${rules.qualifiedName.description} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`;
  const name = key.slice(slash + 1);
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const prefixProblem = prefix === undefined ? undefined : prefix === "" ? "must be non-empty" : problemOf(rules.subdomain, prefix, "bytes");
  const nameProblem = name === "" ? `must be non-empty; name part ${rules.qualifiedName.description}` : problemOf(rules.qualifiedName, name, "bytes", undefined, "; name part ");
  if (prefixProblem === undefined && nameProblem === undefined) return undefined;
  return [prefixProblem && `prefix part ${prefixProblem}`, nameProblem && `name part ${nameProblem}`].filter(Boolean).join("; ");
}

export function labelValueError(value: string): string | undefined {
  return problemOf(rules.labelValue, value, "bytes");
}

interface Rule {
  readonly pattern: RegExp;
  readonly lengthMax: number;
  readonly description: string;
}

function rule(pattern: string, lengthMax: number, sentence: string, examples: readonly string[]): Rule {
  const shown = examples.map((example) => `'${example}', `).join(" or ");
  return { pattern: new RegExp(`^${pattern}$`), lengthMax, description: `${sentence} (e.g. ${shown}regex used for validation is '${pattern}')` };
}

/** Upstream reports length and form separately; here they are one sentence. Its newer rules count bytes, its older ones say characters. */
function problemOf({ pattern, lengthMax, description }: Rule, text: string, unit: "bytes" | "characters", form = description, separator = "; "): string | undefined {
  const problems = [
    ...(Buffer.byteLength(text) > lengthMax ? [`must be no more than ${lengthMax} ${unit}`] : []),
    ...(pattern.test(text) ? [] : [form]),
  ];
  return problems.length === 0 ? undefined : problems.join(separator);
}

/** The name by which the cluster's own clients ask for the API: its certificate is always of the cluster's authority. */
export const API_SERVER_NAME = "kubernetes.default.svc";

/** What the names of a cluster's Services and pods end in, unless its servers are told otherwise. */
export const USUAL_CLUSTER_DOMAIN = "cluster.local";

/**
 * Rules for names, label keys and label values (RFC 1123 and RFC 1035 with Kubernetes' own limits). A function named `…Problems` gives
 * every sentence that a Kubernetes API server answers, none when the text is right; its `…Error` gives them as one, or undefined.
 */

const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const UNDERSCORED_LABEL = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
const UNDERSCORED = `${UNDERSCORED_LABEL}(\\.${UNDERSCORED_LABEL})*`;
const LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE = `(${QUALIFIED_NAME})?`;

const rules = {
  label: rule(
    LABEL,
    63,
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
    ["my-name", "123-abc"],
  ),
  subdomain: rule(
    SUBDOMAIN,
    253,
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ["example.com"],
  ),
  underscored: rule(
    UNDERSCORED,
    253,
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
    ["example.com"],
  ),
  wildcard: rule(
    `\\*\\.${SUBDOMAIN}`,
    253,
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    ["*.example.com"],
  ),
  label1035: rule(
    LABEL_1035,
    63,
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
    ["my-name", "abc-123"],
  ),
  qualifiedName: rule(QUALIFIED_NAME, 63, "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character", [
    "MyName",
    "my.name",
    "123-abc",
  ]),
  labelValue: rule(
    LABEL_VALUE,
    63,
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ["MyValue", "my_value", "12345"],
  ),
};

export function dnsLabelProblems(name: string): string[] {
  const hasDots = !rules.label.pattern.test(name) && rules.subdomain.pattern.test(name);
  return problemsOf(rules.label, name, "characters", hasDots ? "must not contain dots" : undefined);
}

export function dnsSubdomainProblems(name: string): string[] {
  return problemsOf(rules.subdomain, name, "characters");
}

/** Subdomains as resolvers take them, in which labels may begin or go on with an underscore. */
export function underscoredSubdomainProblems(name: string): string[] {
  return problemsOf(rules.underscored, name, "characters");
}

/** A subdomain whose first label is a star, as in hosts of an Ingress. */
function wildcardSubdomainProblems(name: string): string[] {
  return problemsOf(rules.wildcard, name, "characters");
}

function dns1035LabelProblems(name: string): string[] {
  return problemsOf(rules.label1035, name, "characters");
}

/** Names that only have to fit into a URL, such as those of roles. */
export function pathSegmentNameProblems(name: string): string[] {
  if (name === "." || name === "..") return [`may not be '${name}'`];
  return ["/", "%"].filter((illegal) => name.includes(illegal)).map((illegal) => `may not contain '${illegal}'`);
}

/** Keys of labels and annotations, and finalizers: an optional DNS subdomain, a slash, and a name. */
export function qualifiedNameProblems(key: string): string[] {
  const slash = key.indexOf("/");
  if (slash !== key.lastIndexOf("/"))
    return [`a valid label key ${rules.qualifiedName.description} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  const name = key.slice(slash + 1);
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const prefixProblems = prefix === undefined ? [] : prefix === "" ? ["must be non-empty"] : problemsOf(rules.subdomain, prefix, "bytes");
  const nameProblems = [...(name === "" ? ["must be non-empty"] : []), ...problemsOf(rules.qualifiedName, name, "bytes")];
  return [...prefixProblems.map((problem) => `prefix part ${problem}`), ...nameProblems.map((problem) => `name part ${problem}`)];
}

export function labelValueProblems(value: string): string[] {
  return problemsOf(rules.labelValue, value, "bytes");
}

export const dnsLabelError = asOne(dnsLabelProblems);
export const dnsSubdomainError = asOne(dnsSubdomainProblems);
export const wildcardSubdomainError = asOne(wildcardSubdomainProblems);
export const dns1035LabelError = asOne(dns1035LabelProblems);
export const pathSegmentNameError = asOne(pathSegmentNameProblems);
export const qualifiedNameError = asOne(qualifiedNameProblems);
export const labelValueError = asOne(labelValueProblems);

function asOne(problemsIn: (text: string) => readonly string[]): (text: string) => string | undefined {
  return (text) => {
    const problems = problemsIn(text);
    return problems.length === 0 ? undefined : problems.join("; ");
  };
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

/** Upstream's newer rules count bytes, its older ones say characters. */
function problemsOf({ pattern, lengthMax, description }: Rule, text: string, unit: "bytes" | "characters", form = description): string[] {
  return [...(Buffer.byteLength(text) > lengthMax ? [`must be no more than ${lengthMax} ${unit}`] : []), ...(pattern.test(text) ? [] : [form])];
}

/** The name by which the cluster's own clients ask for the API: its certificate is always of the cluster's authority. */
export const API_SERVER_NAME = "kubernetes.default.svc";

/** What the names of a cluster's Services and pods end in, unless its servers are told otherwise. */
export const USUAL_CLUSTER_DOMAIN = "cluster.local";

import { dns1035LabelError, dnsLabelError, dnsSubdomainError, labelValueError, qualifiedNameError } from "../../apimachinery/names.ts";
import { fn, method, type Library } from "../functions.ts";
import { parseTimestamp } from "../time-text.ts";
import { listOf, opaque, optionalOf, STRING } from "../types.ts";
import { OpaqueValue, Optional } from "../values.ts";

const FORMAT = opaque("kubernetes.NamedFormat");

class FormatValue extends OpaqueValue {
  readonly typeName = "kubernetes.NamedFormat";
  readonly name: string;
  readonly problemOf: (text: string) => string | undefined;

  constructor(name: string, problemOf: (text: string) => string | undefined) {
    super();
    this.name = name;
    this.problemOf = problemOf;
  }

  equals(other: OpaqueValue): boolean {
    return other instanceof FormatValue && this.name === other.name;
  }
}

/** A prefix may end with a dash, where generated characters will follow. */
const asPrefix = (problemOf: (text: string) => string | undefined) => (text: string) => problemOf(text.endsWith("-") ? `${text.slice(0, -1)}a` : text);

const uuid = /^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$/;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const uri = /^(?:[A-Za-z][A-Za-z0-9+.-]*:[^\s]+|\/[^\s]*)$/;

const FORMATS: Readonly<Record<string, (text: string) => string | undefined>> = {
  dns1123Label: dnsLabelError,
  dns1123Subdomain: dnsSubdomainError,
  dns1035Label: dns1035LabelError,
  qualifiedName: qualifiedNameError,
  dns1123LabelPrefix: asPrefix(dnsLabelError),
  dns1123SubdomainPrefix: asPrefix(dnsSubdomainError),
  dns1035LabelPrefix: asPrefix(dns1035LabelError),
  labelValue: labelValueError,
  uri: (text) => (uri.test(text) ? undefined : "not a valid uri"),
  uuid: (text) => (uuid.test(text) ? undefined : "does not match the UUID format"),
  byte: (text) => (base64.test(text) ? undefined : "invalid base64"),
  date: (text) => (/^\d{4}-\d\d-\d\d$/.test(text) && parseTimestamp(text) !== undefined ? undefined : "invalid date"),
  datetime: (text) => (text.length > 10 && parseTimestamp(text) !== undefined ? undefined : "invalid datetime"),
};

const values = new Map(Object.entries(FORMATS).map(([name, problemOf]) => [name, new FormatValue(name, problemOf)]));

/** Named formats: `format.dns1123Label().validate(text)` gives none, or what is wrong. */
export const formatLibrary: Library = [
  ...[...values].map(([name, value]) => fn<readonly []>(`format.${name}`, [], FORMAT, () => value)),
  fn<readonly [string]>("format.named", [STRING], optionalOf(FORMAT), ([name]) => (values.has(name) ? new Optional(values.get(name)) : Optional.none)),
  method<readonly [FormatValue, string]>("validate", [FORMAT, STRING], optionalOf(listOf(STRING)), ([format, text]) => {
    const problem = format.problemOf(text);
    return problem === undefined ? Optional.none : new Optional([problem]);
  }),
];

import { invalidField, requiredField, type FieldError } from "./field-error.ts";
import { dnsSubdomainError } from "./names.ts";

const URL_PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const WHOLE_PATH = new RegExp(`^${URL_PATH}$`);

/** What is wrong with a name such as `example.com/queue`: a domain and a path. */
export function domainPrefixedPathErrors(name: string, at: string): FieldError[] {
  if (name === "") return [requiredField(at)];
  const [, domain = "", path = ""] = /^([^/]*)\/(.*)$/s.exec(name) ?? [];
  if (domain === "" || path === "") return [invalidField(at, name, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  const problem = dnsSubdomainError(domain);
  return [
    ...(problem === undefined ? [] : [invalidField(at, domain, problem)]),
    ...(WHOLE_PATH.test(path) ? [] : [invalidField(at, path, `Invalid path (regex used for validation is '${URL_PATH}')`)]),
  ];
}

import { describe, expect, test } from "vitest";
import { domainPrefixedPathErrors } from "../../../engine/apimachinery/domain-prefixed-path.ts";
import { joinProblems } from "../../../engine/apimachinery/status-error.ts";

test.each([
  [["a"], "a"],
  [["a", "b"], "[a, b]"],
  [["a", "b", "a"], "[a, b]"],
  [["a", "a"], "a"],
])("the problems %j are told as %s", (messages, text) => {
  expect(joinProblems(messages)).toBe(text);
});

describe("a domain with a path", () => {
  test.each(["acme.io/foo", "acme.io/foo/bar", "a/b", "acme.io//", "acme.io/Foo~1"])("%s is one", (name) => {
    expect(domainPrefixedPathErrors(name, "at")).toEqual([]);
  });

  test.each([
    ["", ["Required value"]],
    ["acme.io", ['Invalid value: "acme.io": must be a domain-prefixed path (such as "acme.io/foo")']],
    ["/foo", ['Invalid value: "/foo": must be a domain-prefixed path (such as "acme.io/foo")']],
    ["acme.io/", ['Invalid value: "acme.io/": must be a domain-prefixed path (such as "acme.io/foo")']],
    ["acme.io/a b", [`Invalid value: "a b": Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')`]],
    ["Acme.io/a?b", [expect.stringContaining('Invalid value: "Acme.io": a lowercase RFC 1123 subdomain must consist of'), expect.stringContaining('Invalid value: "a?b": Invalid path')]],
  ])("%s is none", (name, messages) => {
    expect(domainPrefixedPathErrors(name, "at").map(({ message }) => message)).toEqual(messages);
  });
});

import { describe, expect, test } from "vitest";
import { dns1035LabelError, dnsLabelError, dnsSubdomainError, labelValueError, pathSegmentNameError, qualifiedNameError } from "../../../engine/apimachinery/names.ts";

describe("names", () => {
  test.each(["a", "web-1", "1a", "a".repeat(63)])("%s is a DNS label", (name) => expect(dnsLabelError(name)).toBeUndefined());
  test.each(["", "-a", "a-", "A", "a_b", "a b", "ä"])("%j is no DNS label", (name) => expect(dnsLabelError(name)).toMatch(/^a lowercase RFC 1123 label must consist/));
  test("labels have no dots and at most 63 characters", () => {
    expect(dnsLabelError("a.b")).toBe("must not contain dots");
    expect(dnsLabelError("a".repeat(64))).toBe("must be no more than 63 characters");
  });

  test("subdomains are labels with dots, of up to 253 characters", () => {
    expect([dnsSubdomainError("a.b-c.1"), dnsSubdomainError("a..b") === undefined, dnsSubdomainError("a".repeat(254))]).toEqual([undefined, false, "must be no more than 253 characters"]);
  });

  test("the whole sentence is the API server's", () => {
    expect(dnsSubdomainError("Bad_Name")).toBe(
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    );
  });

  test("names of Services begin with a letter", () => {
    expect(dns1035LabelError("web")).toBeUndefined();
    expect(dns1035LabelError("1web")).toMatch(/^a DNS-1035 label must consist of .*\(e\.g\. 'my-name', {2}or 'abc-123', regex/);
  });

  test("path segments may be anything that a URL can hold in one segment", () => {
    expect([pathSegmentNameError("system:node"), pathSegmentNameError(".."), pathSegmentNameError("a/b%c")]).toEqual([undefined, "may not be '..'", "may not contain '/'; may not contain '%'"]);
  });
});

describe("label keys and values", () => {
  test.each(["app", "App_1.x", "example.com/app", "a/b"])("%s is a key", (key) => expect(qualifiedNameError(key)).toBeUndefined());
  test.each([
    ["/app", /^prefix part must be non-empty$/],
    ["Example.com/app", /^prefix part a lowercase RFC 1123 subdomain/],
    ["a/", /^name part must be non-empty; name part must consist/],
    ["a/b/c", /^a valid label key must consist .*with an optional DNS subdomain prefix and '\/'/],
    ["-a", /^name part must consist/],
    ["a".repeat(64), /^name part must be no more than 63 bytes$/],
  ])("%s is no key", (key, problem) => expect(qualifiedNameError(key)).toMatch(problem));

  test("values may be empty, keys not", () => {
    expect([labelValueError(""), labelValueError("v1.2_x")]).toEqual([undefined, undefined]);
    expect(labelValueError("a/b")).toMatch(/^a valid label must be an empty string or consist/);
    expect(labelValueError("a".repeat(64))).toBe("must be no more than 63 bytes");
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ListOptions } from "../../../engine/apimachinery/api-request.ts";
import { decodeContinueToken, encodeContinueToken, expiredContinueToken } from "../../../engine/apimachinery/continue-token.ts";
import {
  parseListOptions,
  parseOlderWatchOptions,
  parseResourceVersion,
  parseWatchOptions,
  resourceVersionTooLarge,
  resourceVersionTooOld,
  validateListOptions,
} from "../../../engine/apimachinery/list-options.ts";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";

function statusOf(action: () => unknown): StatusError["status"] {
  try {
    action();
  } catch (error) {
    if (error instanceof StatusError) return error.status;
    throw error;
  }
  throw new Error("nothing was refused");
}

const token = encodeContinueToken({ revision: 7, afterKey: "shop/web" });

describe("options of lists and watches", () => {
  test("are read from a query", () => {
    const query = new URLSearchParams("labelSelector=a%3Db&limit=5&allowWatchBookmarks=true&sendInitialEvents=0&resourceVersion=7&continue=&timeoutSeconds=60&pretty=true");
    expect(parseListOptions(query)).toEqual({ labelSelector: "a=b", limit: 5, allowWatchBookmarks: true, sendInitialEvents: false, resourceVersion: "7", timeoutSeconds: 60 });
    expect(statusOf(() => parseListOptions(new URLSearchParams("limit=x")))).toMatchObject({ code: 400, message: 'strconv.ParseInt: parsing "x": invalid syntax' });
  });

  test.each<ListOptions>([{}, { resourceVersion: "0" }, { resourceVersion: "5", resourceVersionMatch: "Exact" }, { limit: 5, continue: token }, { resourceVersion: "0", continue: token }])(
    "%j is a list",
    (options) => expect(() => validateListOptions(options, "list")).not.toThrow(),
  );
  test.each<ListOptions>([{}, { resourceVersion: "5", allowWatchBookmarks: true }, { sendInitialEvents: true, resourceVersionMatch: "NotOlderThan", allowWatchBookmarks: true }])(
    "%j is a watch",
    (options) => expect(() => validateListOptions(options, "watch")).not.toThrow(),
  );

  test.each<[ListOptions, "list" | "watch", string]>([
    [{ resourceVersion: "0", resourceVersionMatch: "Exact" }, "list", 'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'],
    [{ resourceVersionMatch: "Exact" }, "list", "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"],
    [{ resourceVersion: "5", resourceVersionMatch: "Exact", continue: "t" }, "list", "Forbidden: resourceVersionMatch is forbidden when continue is provided"],
    [{ resourceVersion: "5", resourceVersionMatch: "Nope" as "Exact" }, "list", 'Unsupported value: "Nope": supported values: "Exact", "NotOlderThan", ""'],
    [{ sendInitialEvents: true }, "watch", "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"],
    [{ resourceVersion: "5", resourceVersionMatch: "NotOlderThan" }, "watch", "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"],
  ])("%j is refused as a %s", (options, verb, message) => {
    const status = statusOf(() => validateListOptions(options, verb));
    expect(status).toMatchObject({ code: 422, reason: "Invalid", message: `ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: ${message}` });
    expect(status.details).toEqual({
      group: "meta.k8s.io",
      kind: "ListOptions",
      causes: [{ reason: message.startsWith("F") ? "FieldValueForbidden" : "FieldValueNotSupported", message, field: "resourceVersionMatch" }],
    });
  });

  test("a watch that begins with what is there says when it has told that, to who takes bookmarks", () => {
    const asked = (query: string) => parseWatchOptions(new URLSearchParams(query));
    for (const query of ["", "resourceVersion=", "resourceVersion=0"]) expect(asked(query), query).toMatchObject({ sendInitialEvents: true, resourceVersionMatch: "NotOlderThan" });
    for (const query of ["resourceVersion=5", "sendInitialEvents=false", "resourceVersionMatch=Exact"]) expect(asked(query).sendInitialEvents, query).not.toBe(true);
    expect(statusOf(() => validateListOptions(asked(`continue=${token}`), "watch")).message).toMatch(/: Forbidden: resourceVersionMatch is forbidden when continue is provided$/);
  });

  test("options of a watch by an address of the older form are those of a list, of which it heeds what a watch can", () => {
    const asked = (query: string) => parseOlderWatchOptions(new URLSearchParams(query));
    expect(asked("resourceVersion=5&resourceVersionMatch=Exact&allowWatchBookmarks=1")).toEqual({ resourceVersion: "5", allowWatchBookmarks: true });
    expect(asked("resourceVersion=0")).toEqual({ resourceVersion: "0" });
    expect(statusOf(() => asked("sendInitialEvents=true")).message).toMatch(/sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list$/);
  });

  test.each([
    [{ labelSelector: "a in 1" }, "unable to parse requirement: found '1' expected: '('"],
    [{ fieldSelector: "nope" }, "invalid selector: 'nope'; can't understand 'nope'"],
  ])("%j cannot be read, which is told before what does not go together", (selectors, message) => {
    expect(statusOf(() => validateListOptions({ ...selectors, sendInitialEvents: true }, "list"))).toMatchObject({ code: 400, message });
  });

  test("lists cannot ask for initial events, nor give a version beside a token", () => {
    expect(statusOf(() => validateListOptions({ sendInitialEvents: false }, "list")).message).toMatch(/sendInitialEvents is forbidden for list$/);
    expect(statusOf(() => validateListOptions({ resourceVersion: "5", continue: token }, "list"))).toMatchObject({
      code: 400,
      message: "specifying resource version is not allowed when using continue",
    });
    expect(statusOf(() => validateListOptions({ resourceVersion: "5", continue: "t" }, "list")).message).toMatch(/^invalid continue token: continue key is not valid/);
  });
});

describe("resource versions", () => {
  test("are whole numbers", () => {
    expect([parseResourceVersion(undefined), parseResourceVersion(""), parseResourceVersion("0"), parseResourceVersion("42")]).toEqual([undefined, undefined, 0, 42]);
    expect(statusOf(() => parseResourceVersion("abc"))).toMatchObject({
      code: 400,
      message: 'invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax',
    });
    expect(statusOf(() => parseResourceVersion("-1"))).toMatchObject({ code: 400 });
    expect(statusOf(() => parseResourceVersion("99999999999999999999")).message).toMatch(/value out of range$/);
  });

  test("of the future and of the past are told apart", () => {
    expect(resourceVersionTooLarge(999999999, 4593).status).toMatchObject({
      code: 504,
      reason: "Timeout",
      message: "Timeout: Too large resource version: 999999999, current: 4593",
      details: { causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }], retryAfterSeconds: 1 },
    });
    expect(resourceVersionTooOld(1).status).toMatchObject({ code: 410, reason: "Expired", message: "too old resource version: 1 (RV)" });
  });
});

describe("continue tokens", () => {
  test("say where to go on", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1 }), fc.stringMatching(/^[a-z0-9-]+(\/[a-z0-9-]+)?$/), (revision, afterKey) => {
        expect(decodeContinueToken(encodeContinueToken({ revision, afterKey }))).toEqual({ revision, afterKey });
      }),
    );
  });

  test("have upstream's form", () => {
    expect(JSON.parse(Buffer.from(encodeContinueToken({ revision: 5, afterKey: "shop/web" }), "base64url").toString())).toEqual({ v: "meta.k8s.io/v1", rv: 5, start: "shop/web\0" });
  });

  const token = (fields: unknown) => Buffer.from(JSON.stringify(fields)).toString("base64url");
  test.each([
    ["abc", "invalid character 'i' looking for beginning of value"],
    ["a+c", "illegal base64 data at input byte 1"],
    [token({ v: "v9", rv: 1, start: "a" }), "server does not recognize this encoded version v9"],
    [token({ v: "meta.k8s.io/v1", rv: 0, start: "a" }), "incorrect encoded start resourceVersion (version meta.k8s.io/v1)"],
    [token({ v: "meta.k8s.io/v1", rv: 1, start: "" }), "encoded start key empty (version meta.k8s.io/v1)"],
    [token({ v: "meta.k8s.io/v1", rv: 1, start: "../x" }), "../x"],
  ])("%s is refused", (text, why) =>
    expect(statusOf(() => decodeContinueToken(text))).toMatchObject({ code: 400, reason: "BadRequest", message: `invalid continue token: continue key is not valid: ${why}` }),
  );

  test("that are too old give way to one that goes on at the newest revision", () => {
    const { code, reason, metadata } = expiredContinueToken({ revision: 5, afterKey: "shop/web" }).status;
    expect({ code, reason, token: decodeContinueToken(metadata.continue ?? "") }).toEqual({ code: 410, reason: "Expired", token: { revision: -1, afterKey: "shop/web" } });
  });
});

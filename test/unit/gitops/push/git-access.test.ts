import { describe, expect, test } from "vitest";
import { chooseDeployKey, deployKeyMay, LOCAL_IDENTITY, readToken } from "../../../../engine/gitops/push/git-access.ts";
import { computeNeed, explainRefusal, GIT_RIGHTS, isProtected, type GitRight, type RefUpdate } from "../../../../engine/gitops/push/git-rights.ts";
import type { Secret } from "../../../../engine/resources/types.ts";

const NONE = "0".repeat(40);
const A = "a".repeat(40);
const B = "b".repeat(40);
const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
const key = (data: Readonly<Record<string, string>>): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: data["token"] ?? "none" },
  data: Object.fromEntries(Object.entries(data).map(([name, value]) => [name, Buffer.from(value).toString("base64")])),
});

describe("a token is read from", () => {
  test.each([
    [basic("anyone:s3cret"), "s3cret"],
    [basic("x:with:colons"), "with:colons"],
    ["bearer  abc", "abc"],
    [basic("no-password"), undefined],
    [basic("user:"), undefined],
    ["Digest abc", undefined],
    ["", undefined],
  ])("%s", (header, expected) => expect(readToken(header)).toBe(expected));
});

describe("a deploy key", () => {
  test("is the one whose whole token was given, and an empty token is nobody's", () => {
    const keys = [key({ token: "one" }), key({ token: "two\n" }), key({ token: "" }), key({})];
    expect(chooseDeployKey(keys, "two")?.metadata.name).toBe("two\n");
    for (const wrong of ["", "on", "one1", "ONE"]) expect(chooseDeployKey(keys, wrong), wrong).toBeUndefined();
  });

  test.each<[Readonly<Record<string, string>>, readonly GitRight[]]>([
    [{ repository: "local" }, ["fetch"]],
    [{ repository: "other, local", access: "read" }, ["fetch"]],
    [{ repository: "*", access: "propose" }, ["fetch", "propose"]],
    [{ repository: "local", access: "push" }, ["fetch", "propose", "push"]],
    [{ repository: "local", access: "force" }, [...GIT_RIGHTS]],
    [{ repository: "other", access: "force" }, []],
    [{ access: "force" }, []],
    [{ repository: "local", access: "write" }, []],
  ])("with %j may %j and nothing else", (data, expected) => {
    expect(GIT_RIGHTS.filter((right) => deployKeyMay(key({ token: "t", ...data }), right, "local"))).toEqual(expected);
  });
});

describe("an update of", () => {
  const rules = { branch: "main", protected: ["release/*"] };
  const need = (ref: string, from: string, to: string, isForward: boolean) => computeNeed({ ref, from, to }, isForward, rules);
  test.each<[string, string, string, string, boolean, string]>([
    ["the followed branch forward", "refs/heads/main", A, B, true, "push"],
    ["the followed branch elsewhere", "refs/heads/main", A, B, false, "force"],
    ["the followed branch to nothing", "refs/heads/main", A, NONE, false, "force"],
    ["a protected branch to nothing", "refs/heads/release/1", A, NONE, true, "force"],
    ["a protected branch that is new", "refs/heads/release/1", NONE, A, true, "push"],
    ["the status branch, even forward", "refs/heads/status/local", A, B, true, "force"],
    ["another branch, rewritten", "refs/heads/topic", A, B, false, "propose"],
    ["another branch to nothing", "refs/heads/release-1", A, NONE, false, "propose"],
    ["a tag", "refs/tags/v1", NONE, A, true, "push"],
  ])("%s needs the right to %6$s", (_name, ref, from, to, isForward, right) => expect(need(ref, from, to, isForward)).toEqual({ is: "right", right }));

  test.each(["refs/heads/main", "refs/tags/v1", "HEAD", "status", A])("a branch %s is nobody's either, but may be deleted, and followed where it is the one that is", (name) => {
    const why = name === "status" ? "beside a branch status there can be none below status/, where the cluster says how it is" : `a branch ${name} would be taken for something else`;
    expect(need(`refs/heads/${name}`, NONE, B, true)).toEqual({ is: "never", why: `${why}; choose another name` });
    expect(need(`refs/heads/${name}`, B, NONE, false)).toEqual({ is: "right", right: "propose" });
    expect(computeNeed({ ref: `refs/heads/${name}`, from: A, to: B }, true, { branch: name, protected: [] })).toEqual({ is: "right", right: "push" });
  });

  test.each(["HEADS", "status-page", "refs", `${A}b`, "main"])("a branch %s is like any other", (name) => expect(need(`refs/heads/${name}`, NONE, B, true).is).toBe("right"));

  test("the system's own refs is nobody's", () => expect(need("refs/mainstay/archive/x", A, B, true)).toMatchObject({ is: "never" }));

  test("a ref that asks for a review is nobody's, but may be deleted", () => {
    expect(need("refs/for/main", NONE, B, true)).toMatchObject({ is: "never", why: expect.stringMatching(/^there are no reviews to push to refs\/for\/main; push a branch/) });
    expect(need("refs/for/main", B, NONE, false)).toEqual({ is: "right", right: "push" });
    expect(need("refs/changes/01/1/1", NONE, B, true)).toEqual({ is: "right", right: "push" });
  });

  test("what looks like a protected branch and is none is free", () => {
    expect(isProtected("refs/heads/release/1/2", rules)).toBe(false);
    expect(isProtected("refs/tags/main", rules)).toBe(false);
  });

  test.each<[string, RefUpdate, GitRight, boolean, RegExp]>([
    ["who may not push is told to push a branch", { ref: "refs/heads/main", from: A, to: B }, "push", false, /^refused: main: ada may not push repository local; push a branch of another name/],
    ["who may not force is not told how", { ref: "refs/heads/main", from: A, to: B }, "force", false, /go back with git revert$/],
    ["who may is told how", { ref: "refs/heads/main", from: A, to: B }, "force", true, /git push --force -o force$/],
    ["deleting the followed branch", { ref: "refs/heads/main", from: A, to: NONE }, "force", false, /without a desired state; to remove everything, push a commit without manifests$/],
    ["deleting another protected branch", { ref: "refs/heads/release/1", from: A, to: NONE }, "force", false, /^refused: release\/1 is protected and stays$/],
  ])("%s", (_name, update, right, mayForce, expected) => expect(explainRefusal(update, right, rules, { pusher: "ada", repository: "local", mayForce })).toMatch(expected));

  test("who asks to force and may not is told so", () => {
    const update: RefUpdate = { ref: "refs/heads/main", from: "a".repeat(40), to: "b".repeat(40) };
    expect(explainRefusal(update, "force", rules, { pusher: "ada", repository: "local", mayForce: false, isForced: true })).toMatch(/go back with git revert; ada may not force repository local$/);
  });
});

test("whoever reaches the loopback may do all but rewrite", async () => {
  expect(await Promise.all(GIT_RIGHTS.map((right) => LOCAL_IDENTITY.may(right, "local")))).toEqual([true, true, true, false]);
});

import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { chooseRef, parseRevision } from "../../../../engine/gitops/git/choose-revision.ts";
import { verifyWebhook, type Headers } from "../../../../engine/gitops/push/webhook.ts";

const body = Buffer.from('{"ref":"refs/heads/main"}');
const sign = (algorithm: string, secret = "s3cret") => createHmac(algorithm, secret).update(body).digest("hex");

describe("a webhook is genuine when its sender knows the secret", () => {
  test.each<[string, Headers]>([
    ["GitHub", { "x-hub-signature-256": `sha256=${sign("sha256")}`, "x-github-event": "push" }],
    ["GitLab", { "x-gitlab-token": "s3cret" }],
    ["Gitea", { "x-gitea-signature": sign("sha256"), "x-hub-signature-256": "sha256=ignored" }],
    ["Forgejo", { "x-forgejo-signature": sign("sha256"), "x-gitea-signature": "ignored" }],
    ["Gogs", { "x-gogs-signature": sign("sha256") }],
    ["Bitbucket", { "x-hub-signature": `sha256=${sign("sha256")}` }],
    ["generic", { "x-signature": `sha512=${sign("sha512")}` }],
  ])("%s", (from, headers) => {
    expect(verifyWebhook(headers, body, "s3cret")).toEqual({ is: "genuine", from });
  });

  test.each<[string, Headers, string]>([
    ["without a signature", {}, "no signature"],
    ["with that of another secret", { "x-hub-signature-256": `sha256=${sign("sha256", "other")}` }, "does not fit"],
    ["with that of another body", { "x-gitea-signature": createHmac("sha256", "s3cret").update("else").digest("hex") }, "does not fit"],
    ["with another token", { "x-gitlab-token": "s3cre" }, "does not fit"],
    ["with an algorithm that is broken", { "x-hub-signature": `sha1=${sign("sha1")}` }, "must be sha256="],
    ["with a header given twice", { "x-gitlab-token": ["s3cret", "s3cret"] }, "no signature"],
  ])("and refused %s", (_name, headers, why) => {
    expect(verifyWebhook(headers, body, "s3cret")).toEqual({ is: "refused", why: expect.stringContaining(why) });
  });
});

describe("what is followed", () => {
  test.each<[string, object]>([
    ["main", { is: "branch", name: "main" }],
    ["branch:semver:odd", { is: "branch", name: "semver:odd" }],
    ["tag:v1", { is: "tag", name: "v1" }],
    ["semver:^1.2", { is: "semver", range: "^1.2" }],
    [`commit:${"a".repeat(40)}`, { is: "commit", id: "a".repeat(40) }],
  ])("%s", (text, revision) => {
    expect(parseRevision(text)).toEqual(revision);
  });

  test.each(["commit:abc", "semver:newest", "semver:1.2.3.4", "tag:"])("%s is refused", (text) => {
    expect(() => parseRevision(text)).toThrow();
  });

  const tags = ["v1.0.0", "1.2.0", "v1.2.3", "v1.10.0", "v2.0.0-rc.1", "v2.0.0-rc.2", "0.2.9", "0.3.0", "latest", "v01.0.0"];
  const refs = new Map(tags.map((tag) => [`refs/tags/${tag}`, "0"] as const));
  test.each<[string, string | undefined]>([
    ["*", "v1.10.0"],
    ["^1.2", "v1.10.0"],
    ["~1.2", "v1.2.3"],
    ["1.2.x", "v1.2.3"],
    ["1.2.0", "1.2.0"],
    ["=v1.0.0", "v1.0.0"],
    [">=1.0.0 <1.10.0", "v1.2.3"],
    ["> 1.2", "v1.10.0"],
    ["<=1.2", "v1.2.3"],
    ["1.0 - 1.2", "v1.2.3"],
    ["^0.2.1", "0.2.9"],
    ["~0", "0.3.0"],
    ["^3 || ~1.2", "v1.2.3"],
    ["^2.0.0-rc.1", "v2.0.0-rc.2"],
    ["^2", undefined],
    ["<1.0.0-0", "0.3.0"],
  ])("the newest tag in %s is %s", (range, tag) => {
    expect(chooseRef({ is: "semver", range }, refs)).toBe(tag === undefined ? undefined : `refs/tags/${tag}`);
  });
});

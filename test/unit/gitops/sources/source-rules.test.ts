import { describe, expect, test } from "vitest";
import { parseRepositoryConfig } from "../../../../engine/gitops/manifests/repository-config.ts";
import type { Unit } from "../../../../engine/gitops/manifests/resolve-units.ts";
import { adaptToSource, nameIn } from "../../../../engine/gitops/manifests/source-rules.ts";
import type { DesiredState } from "../../../../engine/gitops/manifests/desired-state.ts";
import { findForeignObjects, type Claim } from "../../../../engine/gitops/sync/repository-claims.ts";

const parse = (...sources: readonly string[]) =>
  parseRepositoryConfig(Buffer.from(`apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nsources:\n${sources.map((source) => `- ${source}\n`).join("")}`), "local", "mainstay.yaml");

describe("sources of mainstay.yaml", () => {
  test("are hosted and report by default, and are followed in silence where they have a url", () => {
    const { config, problems } = parse(
      "{name: shop}",
      "{name: tools, url: 'git@git.example.org:tools.git', ref: {semver: ^1.2}, path: deploy, secret: mainstay-system/tools, interval: 1m, namespace: tools, serviceAccount: deployer, bounds: {namespaces: [tools]}}",
    );
    expect(problems).toEqual([]);
    expect(config.sources).toMatchObject([
      { name: "shop", url: undefined, revision: "main", path: ".", writesStatus: true, intervalMs: undefined },
      {
        name: "tools",
        revision: "semver:^1.2",
        path: "deploy",
        writesStatus: false,
        intervalMs: 60_000,
        secret: "mainstay-system/tools",
        namespace: "tools",
        serviceAccount: "deployer",
        bounds: { namespaces: ["tools"] },
      },
    ]);
  });

  test.each<[string, readonly string[], RegExp]>([
    ["the name of the cluster", ["{name: local}"], /local stands for the cluster's own repository/],
    ["the path of its own repository", ["{name: cluster}"], /cluster stands for the cluster's own repository/],
    ["two of one name", ["{name: a}", "{name: a}"], /is there twice/],
    ["a name with a dot", ["{name: a.b}"], /\^\[a-z0-9\]|must match|must consist/],
    ["a transport that runs programs", ["{name: a, url: 'ext::sh -c true'}"], /must be an address of https, ssh/],
    ["an option for Git", ["{name: a, url: --upload-pack=x}"], /must be an address of https, ssh/],
    ["a password for all to read", ["{name: a, url: 'https://me:word@example.org/a.git'}"], /put them into a Secret/],
    ["two refs", ["{name: a, url: /a, ref: {branch: x, tag: z}}"], /one of branch, tag, semver and commit/],
    ["a tag of a hosted one", ["{name: a, ref: {tag: v1}}"], /of a hosted repository a branch is followed/],
    ["half a commit", ["{name: a, url: /a, ref: {commit: abc}}"], /40 hexadecimal digits/],
    ["a folder outside", ["{name: a, path: ../x}"], /inside the repository/],
    ["an account of no namespace", ["{name: a, serviceAccount: b}"], /needs the namespace/],
  ])("with %s are refused, with the line", (_name, sources, expected) => {
    const { problems } = parse(...sources);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toMatch(expected);
    expect(problems[0]).toMatchObject({ file: "mainstay.yaml", line: 3 + sources.length });
  });
});

describe("units of a source", () => {
  const unit = (name: string, more: Partial<Unit> = {}): Unit => ({ name, path: name, namespace: undefined, prune: true, dependsOn: [], deadlineMs: 1, ...more });

  test("carry its name, go where it says unless they say so themselves, and act as the account it names in any case", () => {
    const units = [unit("web", { dependsOn: ["db"], serviceAccount: "own" }), unit("db", { namespace: "data" })];
    expect(adaptToSource(units, { name: "shop", namespace: "shop", serviceAccount: "deployer" })).toMatchObject([
      { name: "shop.web", source: "shop", dependsOn: ["shop.db"], namespace: "shop", serviceAccount: "deployer", accountNamespace: "shop" },
      { name: "shop.db", namespace: "data", serviceAccount: "deployer", accountNamespace: "shop" },
    ]);
    expect(adaptToSource(units, { name: "shop", namespace: undefined, serviceAccount: undefined })).toMatchObject([{ namespace: undefined, serviceAccount: "own" }, { namespace: "data" }]);
  });

  test("have names that fit into a label and stay apart", () => {
    const [a, b] = [`${"x".repeat(62)}a`, `${"x".repeat(62)}b`].map((name) => nameIn("shop", name));
    expect(a).not.toBe(b);
    for (const name of [a, b]) expect(name).toMatch(/^shop\.x+-[0-9a-f]{8}$/);
    expect([a, b].map((name) => name?.length)).toEqual([63, 63]);
  });
});

describe("an object that another repository has", () => {
  const desired = (unit: string) => ({ identity: "/ConfigMap/a/b", unit, file: "b.yaml", line: 2, object: { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "a", name: "b" } } });
  const state = { objects: new Map([["/ConfigMap/a/b", desired("web")]]) } as unknown as Pick<DesiredState, "objects">; // as much of it as is looked at
  const claim = (wanted: Claim["wanted"], held: Claim["held"]): Claim => ({ repository: "shop", wanted, held });
  const mine = new Map([["/ConfigMap/a/b", "shop.web"]]);

  test.each<[string, Claim, RegExp | undefined]>([
    ["is refused while its commit wants it", claim(new Map([["/ConfigMap/a/b", desired("shop.web")]]), new Map()), /^ConfigMap a\/b belongs to application shop\.web of repository shop \(b\.yaml:2\)/],
    ["is free once its commit does not", claim(new Map(), mine), undefined],
    ["is refused by what is held, before its commit is known", claim(undefined, mine), /application shop\.web of repository shop; take/],
    ["is free when nobody ever had it", claim(undefined, new Map()), undefined],
  ])("%s", (_name, other, expected) => {
    const problems = findForeignObjects(state, [other]);
    expect(problems).toHaveLength(expected === undefined ? 0 : 1);
    if (expected !== undefined) expect(problems[0]).toMatchObject({ file: "b.yaml", line: 2, message: expect.stringMatching(expected) });
  });
});

import { describe, expect, it } from "vitest";
import { RequestNotes } from "../../../engine/apimachinery/request-notes.ts";
import { parseYamlDocuments } from "../../../engine/apimachinery/yaml/yaml.ts";
import { resolveServerConfig } from "../../../engine/options/config.ts";
import { shownOptions } from "../../../engine/options/shown-options.ts";
import { disabledFeatures } from "../../../engine/apimachinery/feature-gates.ts";
import { componentPages } from "../../../engine/server/component-pages.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const clock = new VirtualClock(Date.UTC(2026, 0, 2));
const pagesWith = (gates: Readonly<Record<string, boolean>>) => componentPages({ clock, disabled: disabledFeatures(gates), flags: { v: "2", "api-port": "6443" } });

function ask(path: string, accept: string) {
  const notes = new RequestNotes();
  const page = pagesWith({}).find((one) => one.path === path);
  const { contentType, body } = page!.handle({
    method: "GET",
    path,
    query: new URLSearchParams(),
    headers: accept === "" ? {} : { accept },
    user: { username: "ann", groups: [] },
    body: undefined,
    signal: new AbortController().signal,
    notes,
  });
  return { contentType, text: body.toString("utf8"), warnings: notes.warnings };
}

describe.each([
  ["/statusz", "Statusz"],
  ["/flagz", "Flagz"],
])("%s", (path, kind) => {
  const wish = (version: string, type = "application/json") => `${type};v=${version};g=config.k8s.io;as=${kind}`;

  it.each(["", "text/plain", "*/*", "text/*", `${wish("foo")},*/*`])("is a text for who asks for %j", (accept) => {
    expect(ask(path, accept)).toMatchObject({
      contentType: "text/plain; charset=utf-8",
      text: expect.stringContaining(`apiserver ${kind.toLowerCase()}\nWarning: This endpoint is not meant to be machine parseable`),
    });
  });

  it("is an object for who names its kind, with a warning in the older version", () => {
    const beta = ask(path, `${wish("v1beta1")},${wish("v1alpha1")}`);
    expect(JSON.parse(beta.text)).toMatchObject({ kind, apiVersion: "config.k8s.io/v1beta1", metadata: { name: "apiserver" } });
    expect(beta.warnings).toEqual([]);
    const alpha = ask(path, `${wish("v1alpha1", "application/yaml")},${wish("v1beta1")}`);
    expect(parseYamlDocuments(alpha.text)[0]?.value).toMatchObject({ kind, apiVersion: "config.k8s.io/v1alpha1" });
    expect(alpha.warnings).toEqual([`This version of the ${kind.toLowerCase()} endpoint is deprecated. Please use a newer version.`]);
  });

  it.each(["application/xml", "application/json", "application/json;v=v1beta1;g=config.k8s.io", wish("v1beta1", "application/vnd.kubernetes.protobuf")])("is nothing for who asks for %s", (accept) => {
    expect(() => ask(path, accept)).toThrow("only the following media types are accepted: application/json, application/yaml, text/plain");
  });

  it("can be switched off", () => {
    expect(pagesWith({ [`Component${kind}`]: false }).map((page) => page.path)).not.toContain(path);
    expect(pagesWith({ AllBeta: false })).toEqual([]);
  });
});

it("tells since when the server runs, and where else to look", () => {
  const { startTime, uptimeSeconds, ...rest } = JSON.parse(ask("/statusz", "application/json;v=v1beta1;g=config.k8s.io;as=Statusz").text) as { startTime: string; uptimeSeconds: number };
  expect(Math.abs(Date.parse(startTime) + uptimeSeconds * 1000 - clock.now())).toBeLessThan(2_000);
  expect(rest).toMatchObject({ binaryVersion: "1.36.2", emulationVersion: "1.36", paths: ["/flagz", "/healthz", "/livez", "/metrics", "/readyz", "/statusz", "/version"] });
});

it("tells what the server was started with, and no secret", () => {
  expect(JSON.parse(ask("/flagz", "application/json;v=v1beta1;g=config.k8s.io;as=Flagz").text)).toMatchObject({ flags: { v: "2", "api-port": "6443" } });
  expect(ask("/flagz", "").text).toContain("\napi-port=6443\nv=2\n");
  const [flags, environment] = [
    { agent: false, token: "secret", v: "2", authorizationMode: "RBAC", clusterInit: true },
    { MAINSTAY_API_PORT: "7443", MAINSTAY_NO_GIT: "true" },
  ];
  expect(resolveServerConfig({ ...flags, token: undefined }, environment)).toMatchObject({ agent: false, git: false, apiPort: 7443 });
  const shown = shownOptions(flags, environment);
  expect(shown).toMatchObject({
    agent: "false",
    git: "false",
    "git-anonymous": "true",
    token: "CLASSIFIED",
    v: "2",
    "authorization-mode": "RBAC",
    "api-port": "7443",
    "cluster-init": "true",
    "request-timeout": "1m0s",
    "service-cidr": "10.43.0.0/16",
  });
  const unclear = { MAINSTAY_CLUSTER_INIT: "1", MAINSTAY_NO_GIT: "1" };
  expect(resolveServerConfig({}, unclear)).toMatchObject({ clusterInit: false, git: true });
  expect(shownOptions({}, unclear)).toMatchObject({ "cluster-init": "false", git: "true" });
  expect(shown).not.toHaveProperty("kubelet-timeout");
  expect(shown).not.toHaveProperty("repo");
  expect(shownOptions({ repo: "https://ann:p@ss@example.com/x.git", backupRepo: "ssh://git@example.com/b.git" }, {})).toMatchObject({
    repo: "https://example.com/x.git",
    "backup-repo": "ssh://git@example.com/b.git",
  });
});

import { expect, it } from "vitest";
import type { Secret } from "../../../../engine/resources/types.ts";
import { chooseCredentials } from "../../../../node-agent/images/registry-credentials.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const secret = (auths: object, type = "kubernetes.io/dockerconfigjson"): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "s" },
  type,
  data: type.endsWith("json") ? { ".dockerconfigjson": base64(JSON.stringify({ auths })) } : { ".dockercfg": base64(JSON.stringify(auths)) },
});
const users = (image: string, ...secrets: Secret[]) => chooseCredentials(image, secrets).map(({ credentials: { username, password } }) => `${username}:${password}`);
const ann = { auth: base64("ann:p:w") };

it.each([
  ["registry.example/app:1", { "registry.example": ann }, true],
  ["registry.example/app:1", { "https://registry.example/v2/": ann }, true],
  ["registry.example/team/app:1", { "registry.example/team": ann }, true],
  ["registry.example/app:1", { "registry.example/team": ann }, false],
  ["a.registry.example/app:1", { "*.registry.example": ann }, true],
  ["a.b.registry.example/app:1", { "*.registry.example": ann }, false],
  ["registry.example:5000/app:1", { "registry.example": ann }, false],
  ["registry.example:5000/app:1", { "registry.example:5000": ann }, true],
  ["docker.io/library/app:1", { "https://index.docker.io/v1/": ann }, true],
  ["other.example/app:1", { "https://index.docker.io/v1/": ann }, false],
])("asks for %s with what %o says: %s", (image, auths, isFitting) => {
  expect(users(image, secret(auths))).toEqual(isFitting ? ["ann:p:w"] : []);
});

it("tries the longest place first, then the others, of all Secrets in either form", () => {
  const old = secret({ "registry.example/team": { username: "bob", password: "x" } }, "kubernetes.io/dockercfg");
  expect(users("registry.example/team/app", secret({ "registry.example": ann }), old)).toEqual(["bob:x", "ann:p:w"]);
});

it("passes over what it cannot read", () => {
  const broken: Secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, type: "kubernetes.io/dockerconfigjson", data: { ".dockerconfigjson": base64("{") } };
  expect(users("registry.example/app", broken, { ...broken, type: "Opaque" }, secret({ "registry.example": {}, "::": ann }))).toEqual([]);
});

import { describe, expect, test } from "vitest";
import { checkClaimSources, claimEndpoint } from "../../../engine/auth/authentication/distributed-claims.ts";

const names = { groups: "src1" };
const sources = { src1: { endpoint: "https://hr.example/groups", access_token: "secret" } };

describe("a claim that a provider keeps elsewhere", () => {
  test.each([
    ["is where its source says", { _claim_names: names, _claim_sources: sources }, { url: "https://hr.example/groups", accessToken: "secret" }],
    ["may be had without a token", { _claim_names: names, _claim_sources: { src1: { endpoint: "https://hr.example/groups" } } }, { url: "https://hr.example/groups", accessToken: "" }],
    ["is not looked for when the token has it", { groups: null, _claim_names: names, _claim_sources: sources }, undefined],
    ["is not looked for when it has no source", { _claim_names: { roles: "src1" }, _claim_sources: sources }, undefined],
    ["is not looked for when nothing is elsewhere", { sub: "jane" }, undefined],
    ["is not read out of a token beside it", { _claim_names: names, _claim_sources: { src1: { JWT: "a.b.c" } } }, undefined],
  ])("%s", (_what, claims, endpoint) => {
    expect(claimEndpoint("groups", claims)).toEqual(endpoint);
    expect(() => checkClaimSources(claims)).not.toThrow();
  });

  test.each([
    ["a source that is not there", { _claim_names: names, _claim_sources: { src2: {} } }, '_claim_names names the source "src1" for groups, which is not among _claim_sources'],
    [
      "another claim's source that is not there",
      { _claim_names: { ...names, roles: "src2" }, _claim_sources: sources },
      '_claim_names names the source "src2" for roles, which is not among _claim_sources',
    ],
    ["no source", { _claim_names: { groups: "" }, _claim_sources: sources }, '_claim_names names the source "" for groups, which is not among _claim_sources'],
    ["names that are no map", { _claim_names: ["groups"], _claim_sources: sources }, "_claim_names: must be a map"],
    ["sources that are no map", { _claim_names: {}, _claim_sources: "src1" }, "_claim_sources: must be a map"],
    ["a source that is no map", { _claim_names: {}, _claim_sources: { src1: "https://hr.example" } }, "_claim_sources.src1: must be a map"],
    ["an address that is no text", { _claim_names: {}, _claim_sources: { src1: { endpoint: 7 } } }, "_claim_sources.src1: endpoint, access_token and JWT must be texts"],
  ])("makes a token unusable that names %s, whoever asks for which claim", (_what, claims, message) => {
    expect(() => claimEndpoint("groups", claims)).toThrow(message);
    expect(() => checkClaimSources(claims)).toThrow(message);
  });

  test("needs sources as soon as there are names", () => {
    expect(() => claimEndpoint("groups", { _claim_names: null })).toThrow("no claim sources");
    expect(() => checkClaimSources({ _claim_names: null })).not.toThrow();
  });
});

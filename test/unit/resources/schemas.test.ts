import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as clientNode from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { generateTypes } from "../../../schemas/generate.ts";
import { loadSchema } from "../../../engine/resources/load-schema.ts";
import { kubernetesTypes, rawTypes } from "./schema-files.ts";

const here = path.dirname(fileURLToPath(import.meta.url));

interface Model {
  getAttributeTypeMap(): readonly { readonly baseName: string }[];
}

/** Types of one name in several groups: ours have a name each, and the client puts the group before it. */
const NAMESAKES: Readonly<Record<string, string>> = {
  ContainerResourceClaim: "CoreV1ResourceClaim",
  ResourceClaim: "ResourceV1ResourceClaim",
  StorageTokenRequest: "StorageV1TokenRequest",
  ...autoscalers(),
};

/** Served in two versions, of which the newer one has the plain names here. */
function autoscalers(): Record<string, string> {
  return Object.fromEntries(
    ["", "Spec", "Status"]
      .flatMap((part) => [
        [`HorizontalPodAutoscaler${part}`, `V2HorizontalPodAutoscaler${part}`],
        [`HorizontalPodAutoscalerV1${part}`, `V1HorizontalPodAutoscaler${part}`],
      ])
      .concat([
        ["CrossVersionObjectReference", "V2CrossVersionObjectReference"],
        ["CrossVersionObjectReferenceV1", "V1CrossVersionObjectReference"],
      ]),
  );
}

/** The official client names a few types after their group, because other groups have namesakes. */
function modelOf(name: string): Model | undefined {
  const models = clientNode as unknown as Readonly<Record<string, Model | undefined>>; // its exports, looked up by name
  return (
    models[NAMESAKES[name] ?? `V1${name}`] ??
    models[`V2${name}`] ??
    models[`CoreV1${name}`] ??
    models[`AuthenticationV1${name}`] ??
    models[`DiscoveryV1${name}`] ??
    models[`RbacV1${name}`] ??
    models[name]
  );
}

/** Options travel in the query of a request, and aggregated discovery is no resource; the official client has no models for them. */
const WITHOUT_MODEL = [
  "CreateOptions",
  "UpdateOptions",
  "PatchOptions",
  "APIGroupDiscoveryList",
  "APIGroupDiscovery",
  "APIVersionDiscovery",
  "APIResourceDiscovery",
  "APISubresourceDiscovery",
  "DiscoveryKind",
];

describe("schemas", () => {
  it("have generated types that are up to date", async () => {
    const committed = readFileSync(path.join(here, "../../../engine/resources/types.ts"), "utf8");
    expect(committed === (await generateTypes()), "run `npm run generate` and commit engine/resources/types.ts").toBe(true);
  });

  it("can be kept as JSON, as a snapshot of the program keeps them", () => {
    for (const { file, name, properties } of rawTypes()) expect(JSON.parse(JSON.stringify(properties)), `${file} ${name}`).toStrictEqual(properties);
  });

  it("have exactly the fields that the official JavaScript client knows", () => {
    const differences = kubernetesTypes().flatMap(({ name, properties }) => {
      const model = modelOf(name);
      if (model === undefined) return WITHOUT_MODEL.includes(name) ? [] : [`${name}: the client has no such model`];
      const wanted = new Set(model.getAttributeTypeMap().map((attribute) => attribute.baseName));
      return [
        ...[...wanted].filter((field) => properties[field] === undefined).map((field) => `${name}.${field} is missing`),
        ...Object.keys(properties)
          .filter((field) => !wanted.has(field))
          .map((field) => `${name}.${field} is unknown to the client`),
      ];
    });
    expect(differences).toEqual([]);
  });

  it("give every field the number it has in Kubernetes' protobuf messages", () => {
    const official = JSON.parse(readFileSync(path.join(here, "protobuf-tags.json"), "utf8")) as Record<string, Record<string, number[]>>;
    const written = Object.fromEntries(
      kubernetesTypes().map(({ name, properties }) => [
        name,
        Object.fromEntries(
          Object.entries(properties)
            .filter(([field, property]) => property["x-protobuf-tag"] !== undefined || (field !== "apiVersion" && field !== "kind"))
            .map(([field, property]) => [field, [...[property["x-protobuf-inline"] ?? []].flat(), property["x-protobuf-tag"]]]),
        ),
      ]),
    );
    expect(written).toEqual(official);
  });

  it("describe every type and field in a sentence", () => {
    const silent = rawTypes().flatMap(({ name, description, properties }) => [
      ...(isSentence(description) ? [] : [name]),
      ...Object.entries(properties)
        .filter(([, property]) => !isSentence(property["description"]))
        .map(([field]) => `${name}.${field}`),
    ]);
    expect(silent).toEqual([]);
  });

  it("say of every list how server-side apply merges it, and of keyed lists that their items have the keys", () => {
    const types = new Map(rawTypes().map((type) => [type.name, type]));
    const problems = rawTypes().flatMap(({ name, properties }) =>
      Object.entries(properties).flatMap(([field, property]) => {
        if (property["type"] !== "array") return [];
        const listType = property["x-kubernetes-list-type"];
        if (listType !== "map") return listType === "atomic" || listType === "set" ? [] : [`${name}.${field}: no list type`];
        const item = types.get(
          String((property["items"] as { $ref?: string }).$ref)
            .split("/")
            .pop() ?? "",
        );
        const keys = property["x-kubernetes-list-map-keys"] as readonly string[];
        return keys.filter((key) => item?.properties[key] === undefined).map((key) => `${name}.${field}: items have no ${key}`);
      }),
    );
    expect(problems).toEqual([]);
  });

  it("require only fields that exist and that no default fills", () => {
    const problems = rawTypes().flatMap(({ name, required, properties }) =>
      required.filter((field) => properties[field] === undefined || properties[field]["default"] !== undefined).map((field) => `${name}.${field}`),
    );
    expect(problems).toEqual([]);
  });

  it("resolve to shared objects, also where a type contains itself", () => {
    const template = loadSchema("core/v1/pod.yaml", "PodTemplateSpec");
    expect(loadSchema("core/v1/pod.yaml", "PodTemplateSpec")).toBe(template);
    expect(loadSchema("apps/v1/deployment.yaml").properties?.["spec"]?.properties?.["template"]?.properties).toBe(template.properties);
  });

  it("refuse names that no file defines, naming file and type", () => {
    expect(() => loadSchema("core/v1/pod.yaml", "PodSpecs")).toThrow("schema core/v1/pod.yaml: there is no definition PodSpecs");
  });
});

function isSentence(text: unknown): boolean {
  return typeof text === "string" && text.length > 5 && /[.…]$/.test(text);
}

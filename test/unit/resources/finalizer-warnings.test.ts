import { expect, test } from "vitest";
import { finalizerWarnings } from "../../../engine/resources/apiextensions/content-rules.ts";

const object = (...finalizers: string[]) => ({ apiVersion: "example.com/v1", kind: "Tab", metadata: { name: "a", finalizers } });

test("finalizers of custom objects whose names may clash are told of when they are new, each once", () => {
  const alone = (name: string) => `metadata.finalizers: "${name}": prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers`;
  expect(finalizerWarnings(object("mine", "example.com/own", "foregroundDeletion", "mine", "a"))).toEqual([alone("a"), alone("mine")]);
  expect(finalizerWarnings(object("example.com"))).toEqual([
    'metadata.finalizers: "example.com": prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers',
  ]);
  expect(finalizerWarnings(object("mine", "other"), object("mine"))).toEqual([alone("other")]);
  expect(finalizerWarnings(object(), object("mine"))).toEqual([]);
});

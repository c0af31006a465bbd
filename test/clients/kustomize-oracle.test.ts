import { describe, expect, test } from "vitest";
import { build, buildByKubectl, findOracle, type Files } from "../kit/kustomize.ts";
import { ACCEPTED, ACCEPTED_SINCE_1_36, REFUSED } from "./kustomize-fixtures.ts";

/** Held against the kustomize inside kubectl: the same objects, in the same order, for the same files. */
const kubectl = await findOracle();
const oracle = describe.skipIf(kubectl === undefined);
/** Kustomize came to do these otherwise after the version in kubectl 1.32; an older oracle has nothing to say about them. */
const isOld = kubectl !== undefined && Number(kubectl.version.split(".")[1]) < 36;

function byKubectl(files: Files): readonly unknown[] {
  if (kubectl === undefined) throw new Error("skipped without kubectl");
  return buildByKubectl(kubectl, files);
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

oracle("a kustomization renders as kubectl renders it", () => {
  test.each(Object.entries(isOld ? ACCEPTED : { ...ACCEPTED, ...ACCEPTED_SINCE_1_36 }))("%s", async (_name, files) => {
    const theirs = byKubectl(files);
    expect(plain((await build(files)).map((resource) => resource.value))).toEqual(theirs);
  });
});

oracle("what kubectl refuses is refused, with a file and a line", () => {
  test.each(Object.entries(REFUSED))("%s", async (_name, files) => {
    expect(() => byKubectl(files)).toThrow();
    await expect(build(files)).rejects.toThrow(/^[\w./]+:\d+ /);
  });
});

import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { NEVER } from "../../../../engine/lib/abort.ts";
import type { Pod, Secret } from "../../../../engine/resources/types.ts";
import { chooseCredentials } from "../../../../node-agent/images/registry-credentials.ts";
import { checkAllowedImage, verificationPolicy } from "../../../../node-agent/images/verification-policy.ts";
import { ensureImage } from "../../../../node-agent/pods/start/ensure-image.ts";
import { FakeRuntime } from "../../../kit/fake-runtime.ts";
import { anImageAccess, aPodContext } from "../../../kit/pod-context.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const IMAGE = "registry.example/team/app:1";
const base64 = (text: string) => Buffer.from(text).toString("base64");

/** A Secret with which the registry knows a person. */
const secretOf = (person: string, name = "regcred", namespace = "shop"): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace, uid: `${namespace}-${name}` },
  type: "kubernetes.io/dockerconfigjson",
  data: { ".dockerconfigjson": base64(JSON.stringify({ auths: { "registry.example": { auth: base64(`${person}:word`) } } })) },
});
const ann = secretOf("ann");

let folder: string;
beforeEach(() => void (folder = mkdtempSync(path.join(os.tmpdir(), "access-"))));
afterEach(() => rmSync(folder, { recursive: true }));

/** A node with these images, and what it knows of who may have which; another one of the same folder is its next agent. */
function aNode(policy: Parameters<typeof verificationPolicy>[0] = "NeverVerifyPreloadedImages", images: readonly string[] = [IMAGE]) {
  const clock = new VirtualClock();
  const runtime = new FakeRuntime({ clock, images });
  const access = anImageAccess(folder, clock, runtime, verificationPolicy(policy, ["registry.example/open/*", "free", "team/*"]));
  return {
    access,
    runtime,
    clock,
    pull(image: string, id: string, secret?: Secret) {
      access.begin(image);
      access.pulled(image, id, secret === undefined ? undefined : chooseCredentials(image, [secret])[0]);
    },
    async mayUse(image: string, id: string, ...secrets: Secret[]) {
      return access.mayUse(image, id, async () => secrets);
    },
  };
}

describe("an image that was pulled with a Secret", () => {
  it.each<[string, string, readonly Secret[], boolean]>([
    ["the same Secret", IMAGE, [ann], true],
    ["the same credentials in another Secret", IMAGE, [secretOf("ann", "other", "elsewhere")], true],
    ["the same Secret with newer credentials", IMAGE, [secretOf("bob")], true],
    ["another tag, and the same Secret", "registry.example/team/app:2", [ann], true],
    ["no Secret", IMAGE, [], false],
    ["somebody else's", IMAGE, [secretOf("bob", "other", "elsewhere")], false],
    ["a Secret of that name in another namespace", IMAGE, [secretOf("bob", "regcred", "elsewhere")], false],
    ["the same Secret, under a name that it was not pulled by", "registry.example/other:1", [ann], false],
  ])("is given to who has %s: %j %#", async (_who, image, secrets, expected) => {
    const node = aNode();
    node.pull(IMAGE, "i", ann);
    expect(await node.mayUse(image, "i", ...secrets)).toBe(expected);
    // The next agent knows as much.
    expect(await aNode().mayUse(image, "i", ...secrets)).toBe(expected);
  });

  it("is everybody's once the registry has given it to somebody without credentials", async () => {
    const node = aNode();
    node.pull(IMAGE, "i", ann);
    node.pull(IMAGE, "i");
    expect([await node.mayUse(IMAGE, "i"), await aNode().mayUse(IMAGE, "i")]).toEqual([true, true]);
  });

  it("is given to all whose credentials the registry has taken", async () => {
    const node = aNode();
    node.pull(IMAGE, "i", ann);
    node.pull(IMAGE, "i", secretOf("bob", "b", "elsewhere"));
    expect(await Promise.all([ann, secretOf("bob", "c", "third"), secretOf("eve", "e", "third")].map((secret) => node.mayUse(IMAGE, "i", secret)))).toEqual([true, true, false]);
  });

  it("is remembered as long as the machine has it", async () => {
    const node = aNode();
    node.pull(IMAGE, "old", ann);
    const since = node.access.now();
    node.pull(IMAGE, "new", ann);
    node.access.keepOnly([], since);
    expect([await node.mayUse(IMAGE, "old"), await node.mayUse(IMAGE, "new")]).toEqual([true, false]);
    expect(readdirSync(path.join(folder, "image_manager", "pulled"))).toHaveLength(1);
  });

  it("is remembered when it comes again while the machine's images are listed, as one that was taken away before", async () => {
    const node = aNode();
    node.pull(IMAGE, "i", ann);
    const since = node.access.now();
    node.pull(IMAGE, "i", ann);
    node.access.keepOnly([], since);
    expect(await node.mayUse(IMAGE, "i")).toBe(false);
  });

  it("is not everybody's after a time in which nothing could be written", async () => {
    const node = aNode();
    const { id } = (await node.runtime.imageStatus(IMAGE))!;
    node.access.begin(IMAGE);
    // As on a full disk, as images fill it: a link to nowhere takes no folder either.
    symlinkSync("nowhere", path.join(folder, "image_manager", "pulled"));
    node.access.pulled(IMAGE, id, chooseCredentials(IMAGE, [ann])[0]);
    expect(await aNode().mayUse(IMAGE, id)).toBe(false);
    rmSync(path.join(folder, "image_manager", "pulled"));
    node.pull(IMAGE, id, ann);
    expect([await aNode().mayUse(IMAGE, id), await aNode().mayUse(IMAGE, id, ann)]).toEqual([false, true]);
  });

  it("is remembered with as many Secrets as were needed last, however many pull it", async () => {
    const node = aNode();
    const people = Array.from({ length: 150 }, (_none, index) => secretOf(`person-${index}`, `s${index}`));
    for (const secret of people) node.pull(IMAGE, "i", secret);
    const may = await Promise.all(people.map((secret) => node.mayUse(IMAGE, "i", secret)));
    expect(may).toEqual(people.map((_secret, index) => index >= 50));
  });
});

it("asks for no Secrets where nobody has to show one", async () => {
  const node = aNode();
  node.pull(IMAGE, "i");
  const asked = () => Promise.reject(new Error("asked"));
  expect(await Promise.all([node.access.mayUse(IMAGE, "i", asked), node.access.mayUse("mainstay.local/own:1", "j", asked)])).toEqual([true, true]);
});

describe("an agent that dies", () => {
  it("while it pulls an image leaves it to nobody who has not asked the registry", async () => {
    aNode().access.begin(IMAGE);
    const next = aNode();
    const { id } = (await next.runtime.imageStatus(IMAGE))!;
    expect([await next.mayUse(IMAGE, id, ann), await next.mayUse("registry.example/alias:1", id, ann)]).toEqual([false, false]);
    expect(readdirSync(path.join(folder, "image_manager", "pulling"))).toEqual([]);
    next.access.begin(IMAGE);
    next.access.failed(IMAGE);
    expect(await aNode().mayUse(IMAGE, id, ann)).toBe(false);
  });

  it("while it pulls an image that does not come leaves nothing", async () => {
    aNode().access.begin(IMAGE);
    const next = aNode("NeverVerifyPreloadedImages", []);
    expect(await next.mayUse(IMAGE, "later")).toBe(true);
    expect(["pulling", "pulled"].flatMap((part) => (existsSync(path.join(folder, "image_manager", part)) ? readdirSync(path.join(folder, "image_manager", part)) : []))).toEqual([]);
  });

  it("and leaves notes that nobody can read leaves their images to nobody", async () => {
    const node = aNode();
    node.pull(IMAGE, "i", ann);
    const [file = ""] = readdirSync(path.join(folder, "image_manager", "pulled"));
    writeFileSync(path.join(folder, "image_manager", "pulled", file), "{");
    expect(await aNode().mayUse(IMAGE, "i", ann)).toBe(false);
  });
});

test.each<[Parameters<typeof verificationPolicy>[0], readonly boolean[]]>([
  ["NeverVerify", [true, true, true, true, true, true]],
  ["NeverVerifyPreloadedImages", [true, true, true, true, true, false]],
  ["NeverVerifyAllowlistedImages", [true, true, true, false, false, false]],
  ["AlwaysVerify", [false, false, false, false, false, false]],
])(
  "with the policy %s who has no credentials may have images in a place, of a name, in a place of the usual registry, others, those of a similar place, and what was pulled: %j",
  async (policy, expected) => {
    const node = aNode(policy);
    node.pull(IMAGE, "pulled", ann);
    const images = ["registry.example/open/a:1", "docker.io/library/free:2", "docker.io/team/app:1", "docker.io/library/other:1", "registry.example/opened:1"];
    expect(await Promise.all([...images.map((image) => node.mayUse(image, image)), node.mayUse(IMAGE, "pulled")])).toEqual(expected);
  },
);

test.each(["registry.example/*/app", "*", "/*", "app:1", "app@sha256:0", "App"])("%s is refused as a pattern of images", (pattern) => {
  expect(() => checkAllowedImage(pattern)).toThrow(`"${pattern}": `);
});

describe("a pod", () => {
  const pod = (name: string): Pod => ({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "shop" }, spec: { containers: [], imagePullSecrets: [{ name }] } });

  /** A registry that gives the image to Ann alone, and what the node's pods are told. */
  function aRegistry() {
    const clock = new VirtualClock();
    const runtime = new FakeRuntime({ clock, registry: [IMAGE], owners: { [IMAGE]: "ann" }, latencyMs: { pullImage: 0 } });
    const [asked, told]: [string[], string[]] = [[], []];
    const pull = runtime.pullImage.bind(runtime);
    runtime.pullImage = (name, credentials) => (asked.push(credentials?.username ?? "nobody"), pull(name, credentials));
    const context = aPodContext(folder, clock, runtime, {
      sources: (_podIps: readonly string[], age: string) => ({
        secret: async (_namespace: string, name: string) => (name === "nobody" || age !== "followed" ? Promise.reject(new Error("not found")) : secretOf(name, name)),
      }),
      events: { record: (_pod: Pod, { reason }: { readonly reason: string }) => void told.push(reason) },
    });
    return { asked, told, ensure: (person: string, pullPolicy = "IfNotPresent") => ensureImage(context, pod(person), { image: IMAGE, pullPolicy }, NEVER) };
  }

  it("whose Secret the registry took gets what is on the machine, and every other one what the registry says", async () => {
    const { asked, ensure } = aRegistry();
    await ensure("ann");
    await ensure("ann");
    expect(asked).toEqual(["ann"]);
    await expect(ensure("bob")).rejects.toThrow("denied");
    await expect(ensure("nobody")).rejects.toThrow("denied");
    expect(asked).toEqual(["ann", "bob", "nobody"]);
  });

  it("that asks for no pull and has no such Secret is told that the image is not there", async () => {
    const { told, ensure } = aRegistry();
    await ensure("ann");
    await ensure("ann", "Never");
    await expect(ensure("bob", "Never")).rejects.toMatchObject({ reason: "ErrImageNeverPull" });
    expect(told).toEqual(["Pulling", "Pulled", "Pulled", "ErrImageNeverPull", "Failed"]);
  });
});

test("an agent that cannot read who may have which images does not begin", () => {
  const records = path.join(folder, "image_manager");
  writeFileSync(records, "a file where its folder was");
  expect(() => aNode()).toThrow(`read who may have which images from ${path.join(records, "pulled")}`);
});

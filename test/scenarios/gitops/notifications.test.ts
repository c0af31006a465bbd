import { createHmac } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import { configMapYaml } from "../../kit/git.ts";
import { eventually, startGitCluster, type GitCluster } from "../../kit/git-cluster.ts";

let cluster: GitCluster;
let receiver: http.Server;
const received: { readonly path: string; readonly body: string; readonly signature: string | undefined }[] = [];
let failures = 0;
beforeEach(async () => {
  received.length = 0;
  cluster = await startGitCluster();
  receiver = http.createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString("utf8")));
    request.on("end", () => {
      if (failures-- > 0) return void response.writeHead(500).end();
      received.push({ path: request.url ?? "", body, signature: request.headers["x-signature"] as string | undefined }); // sent once
      response.end("ok");
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  await cluster[Symbol.asyncDispose]();
  receiver.closeAllConnections();
  await new Promise((resolve) => receiver.close(resolve));
});

describe("notifications", () => {
  test("go to the receivers of mainstay.yaml, signed or for Slack, again when a receiver fails", async () => {
    const base = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
    await cluster.client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "mainstay-system" } });
    const secret = (name: string, stringData: Readonly<Record<string, string>>) =>
      cluster.client.for(secretResource).create({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "mainstay-system" }, stringData });
    await secret("hook", { url: `${base}/hook`, hmac: "key" });
    await secret("slack", { url: `${base}/slack` });
    const copy = await cluster.clone();
    const config =
      "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nnotifications:\n- {name: hook, secret: mainstay-system/hook}\n- {name: slack, type: slack, secret: mainstay-system/slack, events: [deployed], template: '${author} deployed ${subject}'}\n";
    await copy.commit({ "mainstay.yaml": config, "a.yaml": configMapYaml("a") }, "First");
    const first = await copy.push();
    expect(first.code, first.text).toBe(0);
    await eventually(
      "the rules to count",
      async () => (await cluster.client.for(configMapResource).get("default", "a")).data !== undefined && cluster.gitops.facts().deploys[0]?.healthyMs !== undefined,
    );
    failures = 1;
    await copy.commit({ "a.yaml": configMapYaml("a", { key: "2" }) }, "Second <one>");
    expect((await copy.push()).code).toBe(0);
    await eventually(
      "both to be told",
      () => received.some(({ path, body }) => path === "/hook" && body.includes("Second")) && received.some(({ path, body }) => path === "/slack" && body.includes("Second")),
    );
    const hook = received.find(({ path, body }) => path === "/hook" && body.includes("Second"));
    expect(JSON.parse(hook?.body ?? "")).toMatchObject({ event: "deployed", cluster: "local", subject: "Second <one>", author: "clone", commit: (await copy.head()).slice(0, 10) });
    expect(hook?.signature).toBe(
      `sha256=${createHmac("sha256", "key")
        .update(hook?.body ?? "")
        .digest("hex")}`,
    );
    expect(received.filter(({ path, body }) => path === "/slack" && body.includes("Second"))).toEqual([{ path: "/slack", body: '{"text":"clone deployed Second &lt;one&gt;"}', signature: undefined }]);
  });

  test("objects that no repository holds although they say so are listed on the status page", async () => {
    await cluster.client
      .for(configMapResource)
      .create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "copy", namespace: "default", labels: { "mainstay.dev/application": "root" } }, data: {} });
    const copy = await cluster.clone();
    await copy.commit({ "a.yaml": configMapYaml("a") });
    expect((await copy.push()).code).toBe(0);
    await eventually("the orphan", () => cluster.gitops.facts().notices.some((notice) => notice.startsWith("ConfigMap default/copy carries the label of root, but no repository holds it")));
    expect(cluster.gitops.facts().notices).toHaveLength(1);
  });
});

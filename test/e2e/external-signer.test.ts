import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { thisMachine } from "../kit/hosts.ts";
import { eventually, kubectl, startMainstay, type Mainstay } from "../kit/mainstay.ts";
import { TokenSignerProgram } from "../kit/token-signer.ts";

/** A server of its own process, whose tokens a program beside it signs. */
describe("tokens that somebody else signs", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "signed-"));
  const start = (name: string) => startMainstay(thisMachine, path.join(folder, name), ["--no-agent", "--no-git", "--api-port", "0", "--service-account-signing-endpoint", program.endpoint]);
  let program: TokenSignerProgram;
  let server: Mainstay;

  beforeAll(async () => {
    program = await TokenSignerProgram.start();
    server = await start("data");
  });
  afterAll(async () => {
    await server?.stop();
    await program[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  it("let accounts in, also those of a server that has started anew", async () => {
    const token = await eventually(
      () => kubectl(thisMachine, server, "create", "token", "default"),
      (text) => text !== "",
    );
    const review = path.join(folder, "review.json");
    writeFileSync(review, JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token } }));
    const whoIs = () => kubectl(thisMachine, server, "create", "-f", review, "-o", "jsonpath={.status.user.username}");
    expect(await whoIs()).toBe("system:serviceaccount:default:default");
    await server.stop();
    server = await start("data");
    expect(await whoIs()).toBe("system:serviceaccount:default:default");
    expect(await kubectl(thisMachine, server, "get", "--raw", "/openid/v1/jwks")).toContain('"kid":"key-1"');
    expect(await kubectl(thisMachine, server, "get", "--raw", "/metrics")).toContain('apiserver_externaljwt_fetch_keys_request_total{code="OK"} 1');
  });

  it("have an end: Secrets get none", async () => {
    const secret = path.join(folder, "secret.json");
    writeFileSync(
      secret,
      JSON.stringify({ apiVersion: "v1", kind: "Secret", type: "kubernetes.io/service-account-token", metadata: { name: "robot", annotations: { "kubernetes.io/service-account.name": "default" } } }),
    );
    await kubectl(thisMachine, server, "create", "-f", secret);
    await kubectl(thisMachine, server, "create", "namespace", "later");
    await eventually(
      () => kubectl(thisMachine, server, "get", "configmaps", "-n", "later", "-o", "name"),
      (text) => text.includes("kube-root-ca.crt"),
    );
    expect(await kubectl(thisMachine, server, "get", "secret", "robot", "-o", "jsonpath={.data}")).toBe("");
  });

  it("are wanted for ten minutes at least", async () => {
    program.secondsMax = 599;
    await expect(start("other")).rejects.toThrow("max token life supported by external-jwt-signer (599s) is less than acceptable (min 600s)");
  });
});

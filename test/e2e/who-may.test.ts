import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { spawn } from "node:child_process";
import { once } from "node:events";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAuthority, issueCertificate } from "../../engine/auth/certificates.ts";
import { parseNodeToken } from "../../engine/auth/node-token.ts";
import { formatKubeconfig, readKubeconfig } from "../../engine/client/kubeconfig.ts";
import { thisMachine } from "../kit/hosts.ts";
import { kubectl, nodeArgs, startMainstay, type Mainstay } from "../kit/mainstay.ts";

const BARE = ["--no-agent", "--no-git", "--api-port", "0"];

/** A server of its own process with switches that upstream knows; the parts behind them have tables of their own. */
describe("the switches of who may", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "who-"));
  const file = (name: string, text = ""): string => {
    const full = path.join(folder, name);
    if (text !== "") writeFileSync(full, text, { mode: 0o600 });
    return full;
  };
  let server: Mainstay;
  const as = (name: string, credentials: { readonly token?: string; readonly certificate?: string; readonly key?: string }) => {
    const { server: url, ca = "" } = readKubeconfig(server.kubeconfig);
    return { kubeconfig: file(`${name}.yaml`, formatKubeconfig({ server: url, ca, ...credentials }, { cluster: "c", user: name })) };
  };

  beforeAll(async () => {
    const now = new Date().getTime();
    const people = await createAuthority("people", now - 60_000, now + 3_600_000);
    const joe = await issueCertificate(people, { commonName: "joe", organizations: ["ops"], usage: "client", notBeforeMs: now - 60_000, notAfterMs: now + 3_600_000 });
    file("joe.crt", joe.certificate);
    file("joe.key", joe.key);
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    file("sa.key", privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    file("old.pub", publicKey.export({ type: "spki", format: "pem" }).toString());
    await thisMachine.exec("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", file("signer.key"), "-out", file("signer.crt"), "-subj", "/CN=signer", "-days", "1");
    server = await startMainstay(thisMachine, file("data"), [
      ...BARE,
      "--client-ca-file",
      file("people.crt", `${people.certificate.trim()}\n${readFileSync(file("signer.crt"), "utf8")}`),
      "--cluster-signing-cert-file",
      file("signer.crt"),
      "--cluster-signing-key-file",
      file("signer.key"),
      "--token-auth-file",
      file("tokens.csv", 'robot-token,robot,7,"dev,ops"\n'),
      "--anonymous-auth=false",
      "--service-account-issuer",
      "https://issuer.example",
      "--service-account-issuer",
      "https://older.example",
      "--service-account-signing-key-file",
      file("sa.key"),
      "--service-account-key-file",
      file("old.pub"),
      "--authorization-mode",
      "RBAC,Node",
    ]);
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("let in whom they name, and nobody else", async () => {
    expect(await kubectl(thisMachine, as("robot", { token: "robot-token" }), "auth", "whoami")).toMatch(/Username +robot\nUID +7\nGroups +\[dev ops system:authenticated\]/);
    expect(await kubectl(thisMachine, as("joe", { certificate: readFileSync(file("joe.crt"), "utf8"), key: readFileSync(file("joe.key"), "utf8") }), "auth", "whoami")).toMatch(
      /Username +joe\nGroups +\[ops system:authenticated\]/,
    );
    // kubectl without credentials would ask a person for them.
    expect(await thisMachine.exec("curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", `${readKubeconfig(server.kubeconfig).server}/version`)).toBe("401");
    await expect(kubectl(thisMachine, as("guess", { token: "guess" }), "get", "nodes")).rejects.toThrow(/Unauthorized|logged in/);
  });

  it("make tokens of their issuer, with their key, which others can check", async () => {
    const [, payload = ""] = (await kubectl(thisMachine, server, "create", "token", "default")).split(".");
    expect(JSON.parse(Buffer.from(payload, "base64url").toString())).toMatchObject({
      iss: "https://issuer.example",
      aud: ["https://issuer.example", "https://older.example"],
      sub: "system:serviceaccount:default:default",
    });
    expect(JSON.parse(await kubectl(thisMachine, server, "get", "--raw", "/.well-known/openid-configuration"))).toMatchObject({
      issuer: "https://issuer.example",
      jwks_uri: "https://issuer.example/openid/v1/jwks",
      id_token_signing_alg_values_supported: ["RS256"],
    });
    expect((JSON.parse(await kubectl(thisMachine, server, "get", "--raw", "/openid/v1/jwks")) as { keys: readonly { kty: string }[] }).keys.map(({ kty }) => kty)).toEqual(["RSA"]);
  });

  it("tell API servers behind this one whose certificates to take", async () => {
    const facts = await kubectl(thisMachine, server, "get", "configmap", "extension-apiserver-authentication", "-n", "kube-system", "-o", "jsonpath={.data.client-ca-file}");
    expect(facts.match(/BEGIN CERTIFICATE/g)).toHaveLength(3);
    expect(facts).toContain(readFileSync(file("people.crt"), "utf8").trim());
  });

  it("leave roles to say what they may", async () => {
    await expect(kubectl(thisMachine, as("robot", { token: "robot-token" }), "get", "pods")).rejects.toThrow('pods is forbidden: User "robot" cannot list resource "pods"');
    await kubectl(thisMachine, server, "create", "clusterrolebinding", "viewers", "--clusterrole=view", "--group=ops");
    expect(await kubectl(thisMachine, as("robot", { token: "robot-token" }), "get", "configmaps", "-n", "kube-system", "-o", "name")).toContain("configmap/");
    await expect(kubectl(thisMachine, as("robot", { token: "robot-token" }), "get", "secrets")).rejects.toThrow("is forbidden");
  });

  it("answer signing requests, by the authority that they name", async () => {
    const key = await thisMachine.exec("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", file("ann.key"), "-subj", "/O=ops/CN=ann");
    file(
      "csr.json",
      JSON.stringify({
        apiVersion: "certificates.k8s.io/v1",
        kind: "CertificateSigningRequest",
        metadata: { name: "ann" },
        spec: { request: Buffer.from(key).toString("base64"), signerName: "kubernetes.io/kube-apiserver-client", usages: ["client auth", "digital signature"], expirationSeconds: 3600 },
      }),
    );
    await kubectl(thisMachine, server, "create", "-f", file("csr.json"));
    await kubectl(thisMachine, server, "certificate", "approve", "ann");
    await kubectl(thisMachine, server, "wait", "--for=jsonpath={.status.certificate}", "csr/ann", "--timeout=20s");
    const certificate = Buffer.from(await kubectl(thisMachine, server, "get", "csr", "ann", "-o", "jsonpath={.status.certificate}"), "base64").toString();
    expect(new X509Certificate(certificate)).toMatchObject({ subject: "O=ops\nCN=ann", issuer: "CN=signer" });
    expect(new X509Certificate(certificate).verify(new X509Certificate(readFileSync(file("signer.crt"))).publicKey)).toBe(true);
    expect(await kubectl(thisMachine, as("ann", { certificate, key: readFileSync(file("ann.key"), "utf8") }), "auth", "whoami")).toMatch(/Username +ann/);
  });

  it("give machines a token with the hash of the authority", () => {
    const token = readFileSync(path.join(file("data"), "server", "pki", "node-token"), "utf8");
    expect(parseNodeToken(token).caHash).toMatch(/^[0-9a-f]{64}$/);
  });

  it("follow whose certificates are taken: those of a new authority are, those of the old one no more, and a file that is none changes nothing", async () => {
    const now = new Date().getTime();
    const successors = await createAuthority("successors", now - 60_000, now + 3_600_000);
    const sue = await issueCertificate(successors, { commonName: "sue", organizations: ["ops"], usage: "client", notBeforeMs: now - 60_000, notAfterMs: now + 3_600_000 });
    const whoIs = (name: string, { certificate, key }: { readonly certificate: string; readonly key: string }) => kubectl(thisMachine, as(name, { certificate, key }), "auth", "whoami").catch(String);
    const joe = { certificate: readFileSync(file("joe.crt"), "utf8"), key: readFileSync(file("joe.key"), "utf8") };
    expect(await whoIs("sue", sue)).toMatch(/Unauthorized|logged in/);
    file("people.crt", "half of a certificate");
    await expect.poll(() => readFileSync(path.join(file("data"), "mainstay.log"), "utf8"), { timeout: 20_000 }).toContain("the authorities of clients cannot be used, going on with the last one");
    expect(await whoIs("joe", joe)).toMatch(/Username +joe/);
    file("people.crt", successors.certificate);
    await expect.poll(() => whoIs("sue", sue), { timeout: 20_000 }).toMatch(/Username +sue/);
    expect(await whoIs("joe", joe)).toMatch(/Unauthorized|logged in/);
    await expect
      .poll(() => kubectl(thisMachine, server, "get", "configmap", "extension-apiserver-authentication", "-n", "kube-system", "-o", "jsonpath={.data.client-ca-file}"))
      .toContain(successors.certificate.trim());
  });

  it("may leave all to a file of policies, which the server obeys itself", async () => {
    const policies = file(
      "policies.jsonl",
      `# who may\n{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"group":"ops","namespace":"*","resource":"configmaps","readonly":true}}\n{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"group":"ops","nonResourcePath":"*","readonly":true}}\n`,
    );
    const strict = await startMainstay(thisMachine, file("strict"), [...BARE, "--authorization-mode=ABAC", "--authorization-policy-file", policies, "--token-auth-file", file("tokens.csv")]);
    try {
      const robot = {
        kubeconfig: file(
          "strict.yaml",
          formatKubeconfig({ server: readKubeconfig(strict.kubeconfig).server, ca: readKubeconfig(strict.kubeconfig).ca ?? "", token: "robot-token" }, { cluster: "c", user: "robot" }),
        ),
      };
      expect(await kubectl(thisMachine, robot, "get", "configmaps", "-n", "kube-system", "-o", "name")).toContain("configmap/");
      await expect(kubectl(thisMachine, robot, "get", "secrets")).rejects.toThrow("No policy matched");
    } finally {
      await strict.stop();
    }
  });

  it("are refused by their name when they cannot be", async () => {
    const run = async (...args: string[]) => {
      const child = spawn(process.execPath, [...nodeArgs, "server", "--data-dir", file("other"), ...BARE, ...args], { stdio: ["ignore", "pipe", "pipe"] });
      let output = "";
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
      const [code] = (await once(child, "close")) as [number | null];
      return { code, output };
    };
    expect(await run("--cluster-signing-cert-file", file("signer.crt"), "--cluster-signing-key-file", file("joe.key"))).toMatchObject({
      code: 2,
      output: expect.stringMatching(/--cluster-signing-key-file.*is not the key of/) as unknown,
    });
    expect(existsSync(path.join(file("other"), "server"))).toBe(false);
    expect(await run("--authorization-mode", "Everybody")).toMatchObject({ code: 2, output: expect.stringContaining("--authorization-mode") as unknown });
    expect(await run("--token-auth-file", file("tokens.bad", "just-a-token\n"))).toMatchObject({ code: 2, output: expect.stringMatching(/--token-auth-file .*line 1/) as unknown });
    expect(await run("--authorization-mode", "ABAC")).toMatchObject({ code: 2, output: expect.stringContaining("--authorization-policy-file") as unknown });
    expect(await run("--authorization-mode", "Webhook")).toMatchObject({ code: 2, output: expect.stringContaining("--authorization-webhook-config-file") as unknown });
  });
});

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CertificateVerifier } from "../../engine/auth/authentication/client-certificate.ts";
import { createAuthority, createSigningRequest, issueCertificate, isFor, readCertificate } from "../../engine/auth/certificates.ts";
import { formatNodeToken } from "../../engine/auth/node-token.ts";
import { readKubeconfig } from "../../engine/client/kubeconfig.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { resolveAgentConfig } from "../../node-agent/config.ts";
import { joinCluster } from "../../node-agent/join-cluster.ts";
import { findKubectls, runKubectl, type KubectlResult } from "../kit/kubectl.ts";
import { rawClient } from "../kit/raw-https.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";
import { whoami } from "../kit/whoami.ts";

const kubectls = await findKubectls();
if (kubectls.length === 0) {
  if (process.env["CI"]) throw new Error("no kubectl of 1.32 or newer on this machine, and none could be fetched from Debian");
  console.warn("skipped in part: no kubectl of 1.32 or newer on this machine, and none could be fetched from Debian");
}

describe.each(kubectls)("kubectl $version", (kubectl) => {
  let api: TestListener;
  let folder: string;
  beforeAll(async () => {
    api = await startTestListener();
    folder = await mkdtemp(path.join(os.tmpdir(), "who-"));
  });
  afterAll(async () => {
    await api.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const raw = (args: string): Promise<KubectlResult> => runKubectl(kubectl, api.kubeconfig, args.split(" "));
  const k = async (args: string): Promise<string> => {
    const { code, stdout, stderr } = await raw(args);
    expect(code, `kubectl ${args}: ${stderr}${stdout}`).toBe(0);
    return stdout;
  };
  const file = async (name: string, text: string): Promise<string> => {
    const full = path.join(folder, name);
    await writeFile(full, text);
    return full;
  };

  test("asks what somebody may do, and grants it", async () => {
    expect(await k("auth can-i delete nodes")).toBe("yes\n");
    expect(await raw("auth can-i list pods --as jane")).toMatchObject({ code: 1, stdout: "no\n" });
    await k("create role reader --verb=get,list --resource=pods,pods/log");
    await k("create rolebinding readers --role=reader --user=jane --group=dev --serviceaccount=default:default");
    expect(await k("auth can-i list pods --as jane")).toBe("yes\n");
    expect(await k("auth can-i get pods/log --as anybody --as-group dev --as-group system:authenticated")).toBe("yes\n");
    expect(await k("auth can-i list pods --as system:serviceaccount:default:default")).toBe("yes\n");
    expect(await raw("auth can-i list pods --as jane -A")).toMatchObject({ code: 1, stdout: "no\n" });
    expect(await k("auth can-i get /healthz --as jane")).toBe("yes\n");
    const list = await k("auth can-i --list --as jane");
    expect(list).toMatch(/^pods +\[\] +\[\] +\[get list\]$/m);
    expect(list).toMatch(/^selfsubjectreviews\.authentication\.k8s\.io +\[\] +\[\] +\[create\]$/m);
    expect(list).toMatch(/^ +\[\/healthz\] +\[\] +\[get\]$/m);
    expect(await k("get rolebindings -o wide")).toMatch(/readers +Role\/reader +\S+ +jane +dev +default\/default/);
    expect(await k("describe role reader")).toMatch(/pods\/log +\[\] +\[\] +\[get list\]/);
    expect(await k("describe rolebinding readers")).toMatch(/User +jane/);
  });

  test("is told who it is", async () => {
    expect(await k("auth whoami")).toMatch(/Username +kubernetes-admin/);
    expect(await k("auth whoami --as system:serviceaccount:shop:robot")).toMatch(/Groups +\[system:serviceaccounts system:serviceaccounts:shop system:authenticated\]/);
  });

  test("is refused in upstream's words", async () => {
    expect((await raw("get secrets --as joe -n default")).stderr).toBe(
      'Error from server (Forbidden): secrets is forbidden: User "joe" cannot list resource "secrets" in API group "" in the namespace "default"\n',
    );
    expect((await raw("get nodes --as system:node:n1 --as-group system:nodes --as-group system:authenticated -o name")).stderr).toBe("");
    expect((await raw("get secret x --as system:node:n1 --as-group system:nodes")).stderr).toContain("no relationship found between node 'n1' and this object");
  });

  test("reconciles roles", async () => {
    const roles = await file(
      "roles.yaml",
      "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: made, namespace: default}\nrules: [{apiGroups: [''], resources: [pods], verbs: [get]}]\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: made, namespace: default}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: made}\nsubjects: [{kind: User, name: joe}]\n",
    );
    expect(await k(`auth reconcile -f ${roles}`)).toMatch(/role.rbac.authorization.k8s.io\/made reconciled/);
    await k('patch role made --type=merge -p {"rules":[]}');
    expect(await raw("auth can-i get pods --as joe")).toMatchObject({ code: 1 });
    await k(`auth reconcile -f ${roles}`);
    expect(await k("auth can-i get pods --as joe")).toBe("yes\n");
  });

  test("approves and denies signing requests", async () => {
    const { request } = await createSigningRequest("joe", ["dev"]);
    const csr = (name: string) =>
      `apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {name: ${name}}\nspec: {signerName: kubernetes.io/kube-apiserver-client, usages: [client auth], request: ${Buffer.from(request).toString("base64")}}\n`;
    await k(`create -f ${await file("a.yaml", csr("good"))} -f ${await file("b.yaml", csr("bad"))}`);
    expect(await k("get csr good")).toMatch(/good +\S+ +kubernetes.io\/kube-apiserver-client +kubernetes-admin +<none> +Pending/);
    expect(await k("certificate approve good")).toContain("approved");
    expect(await k("certificate deny bad")).toContain("denied");
    expect(await k("get csr --no-headers")).toMatch(/bad .* Denied\ngood .* Approved/);
    expect((await raw("certificate approve bad")).stderr).toContain("Denied");
    expect((await raw("certificate approve good --as joe")).stderr).toContain("is forbidden");
  });

  test("makes tokens of service accounts, good for whom they are made", async () => {
    const token = (await k("create token default --duration=15m")).trim();
    expect(await k(`auth whoami --kubeconfig=${await file("sa.yaml", kubeconfigOf(api, { token }))}`)).toMatch(/Username +system:serviceaccount:default:default/);
    const foreign = (await k("create token default --audience=somebody")).trim();
    expect((await raw(`auth whoami --kubeconfig=${await file("foreign.yaml", kubeconfigOf(api, { token: foreign }))}`)).stderr).toContain("Unauthorized");
    expect((await raw("create token default --duration=1m")).stderr).toContain("may not specify a duration less than 10 minutes");
    expect((await raw("create token default --bound-object-kind=Pod --bound-object-name=none")).stderr).toContain('pods "none" not found');
  });
});

function kubeconfigOf({ url, pki }: TestListener, user: object): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server: url, "certificate-authority-data": Buffer.from(pki.ca).toString("base64") } }],
    users: [{ name: "u", user }],
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    "current-context": "c",
  });
}

describe("a server that knows no strangers", () => {
  test("answers them with 401, but shows machines its authority; a proxy may speak for people", async () => {
    const now = systemClock.now();
    const proxies = await createAuthority("proxies", now - 60_000, now + 3_600_000);
    const front = await issueCertificate(proxies, { commonName: "front", usage: "client", notBeforeMs: now - 60_000, notAfterMs: now + 3_600_000 });
    const frontProxy = {
      verifier: new CertificateVerifier(proxies.certificate),
      allowedNames: ["front"],
      usernameHeaders: ["X-Remote-User"],
      uidHeaders: [],
      groupHeaders: ["X-Remote-Group"],
      extraHeaderPrefixes: ["X-Remote-Extra-"],
    };
    const api = await startTestListener({ authentication: { anonymous: { isEnabled: false }, frontProxy } });
    try {
      expect(await whoami(api, {})).toBe(401);
      expect(await whoami(api, { "x-remote-user": "jane", "x-remote-group": "dev" }, front)).toEqual(["jane", "dev", "system:authenticated"]);
      expect(await whoami(api, { "x-remote-user": "jane" })).toBe(401);
      expect(await whoami(api, {}, front)).toBe(401);
      const stranger = await rawClient(api.url, api.pki, undefined);
      expect((await stranger.send("/mainstay/v1/ca", {})).text).toBe(api.pki.ca);
      expect((await stranger.send("/version", {})).code).toBe(401);
      stranger.close();
    } finally {
      await api.stop();
    }
  });
});

describe("a machine", () => {
  test("joins a server of the authority that its token names, keeps its name, and renews its certificates", async () => {
    const api = await startTestListener();
    const folder = await mkdtemp(path.join(os.tmpdir(), "join-"));
    const now = systemClock.now();
    const config = (dataDir: string, token: string) => ({ ...resolveAgentConfig({ server: api.url, token, nodeName: "m1", dataDir: path.join(folder, dataDir) }, {}) });
    const read = (dataDir: string, name: string) => readFile(path.join(folder, dataDir, "pki", name), "utf8");
    try {
      const token = formatNodeToken(api.pki.ca, api.joinToken);
      const lured = joinCluster(config("lured", formatNodeToken("another authority", api.joinToken)), ["192.0.2.9"], now);
      await expect(lured).rejects.toThrow("belongs to another cluster than the token, or somebody is between");
      const file = await joinCluster(config("one", token), ["192.0.2.9"], now);
      const first = readKubeconfig(file);
      expect(readCertificate(first.certificate ?? "").commonName).toBe("system:node:m1");
      expect(isFor(await read("one", "serving.crt"), { dnsNames: ["m1"], ipAddresses: ["192.0.2.9"] })).toBe(true);
      await expect(joinCluster(config("two", token), ["192.0.2.10"], now)).rejects.toThrow('the name "m1" belongs to another machine');
      await joinCluster(config("one", token), ["192.0.2.9"], now);
      expect(readKubeconfig(file)).toEqual(first);
      await joinCluster(config("one", "no token any more"), ["192.0.2.9"], now + 300 * 86_400_000);
      expect(readKubeconfig(file).certificate).not.toBe(first.certificate);
      await api.stop();
      await joinCluster(config("one", token), ["192.0.2.9"], now + 300 * 86_400_000); // what it has is still good
      await expect(joinCluster(config("one", token), ["192.0.2.9"], now + 400 * 86_400_000)).rejects.toThrow("has ended");
    } finally {
      await api.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

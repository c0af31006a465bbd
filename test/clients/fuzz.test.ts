import { mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import { connect as connectPlain } from "node:net";
import os from "node:os";
import path from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startGitServer, type GitServer } from "../../engine/gitops/push/git-server.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { randomInteger, seededRandom, type Random } from "../../engine/lib/random.ts";
import { encodeProtobuf, wrapUnknown } from "../../engine/apimachinery/protobuf/protobuf.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { podResource } from "../../engine/resources/core/pod.ts";
import { deploymentResource } from "../../engine/resources/apps/deployment.ts";
import { mutateBytes, mutateText, mutateValue, pick } from "../kit/fuzz.ts";
import { createTestNamespace } from "../kit/test-api.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";

/** A failing round prints the seed that repeats it: FUZZ_SEED=… . */
const SEED = Number(process.env["FUZZ_SEED"] ?? 1);
const SECONDS_MAX = Number(process.env["FUZZ_SECONDS"] ?? 6);
const AT_ONCE = 8;
const ROUNDS_MIN = 100;

let api: TestListener;
let agent: https.Agent;
beforeAll(async () => {
  api = await startTestListener();
  await createTestNamespace(api.client, "shop");
  const { certificate, key } = await api.pki.certificate("fuzzer", { commonName: "fuzzer", organizations: ["system:masters"], usage: "client" });
  agent = new https.Agent({ keepAlive: true, maxSockets: AT_ONCE, ca: api.pki.ca, cert: certificate, key });
  await api.client.for(configMapResource).create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m", namespace: "shop", labels: { a: "b" } }, data: { a: "b" } });
  await api.client.for(podResource).create(POD as never);
  await api.client.for(deploymentResource).create(DEPLOYMENT as never);
});
afterAll(async () => {
  agent.destroy();
  await api.stop();
});

const POD = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "shop", labels: { app: "web" } },
  spec: { containers: [{ name: "c", image: "nginx", ports: [{ containerPort: 80 }], env: [{ name: "A", value: "b" }], resources: { limits: { cpu: "1" } } }], tolerations: [{ operator: "Exists" }] },
};
const DEPLOYMENT = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "shop" },
  spec: { replicas: 1, selector: { matchLabels: { app: "web" } }, template: { metadata: { labels: { app: "web" } }, spec: POD.spec } },
};
const CONFIG_MAP = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m", namespace: "shop", labels: { a: "b" } }, data: { a: "b" } };
const SCALE = { apiVersion: "autoscaling/v1", kind: "Scale", metadata: { name: "web", namespace: "shop" }, spec: { replicas: 2 } };
const REVIEW = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec: { resourceAttributes: { verb: "get", resource: "pods", namespace: "shop" } } };
const POLICY = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingAdmissionPolicy",
  metadata: { name: "p" },
  spec: {
    matchConstraints: { resourceRules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["secrets"] }] },
    variables: [{ name: "v", expression: "object.data" }],
    validations: [{ expression: "variables.v.size() > 1", messageExpression: "'x'" }],
  },
};
const TOKEN = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { audiences: ["a"], expirationSeconds: 3600, boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "web" } } };

interface Shot {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

const targets: readonly (readonly [path: string, object: object])[] = [
  ["/api/v1/namespaces/shop/pods", POD],
  ["/api/v1/namespaces/shop/configmaps", CONFIG_MAP],
  ["/apis/apps/v1/namespaces/shop/deployments", DEPLOYMENT],
  ["/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies", POLICY],
  ["/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", REVIEW],
  ["/api/v1/namespaces/shop/serviceaccounts/default/token", TOKEN],
];
const named: readonly (readonly [path: string, object: object])[] = [
  ["/api/v1/namespaces/shop/pods/web", POD],
  ["/api/v1/namespaces/shop/pods/web/status", { ...POD, status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] } }],
  ["/api/v1/namespaces/shop/configmaps/m", CONFIG_MAP],
  ["/apis/apps/v1/namespaces/shop/deployments/web", DEPLOYMENT],
  ["/apis/apps/v1/namespaces/shop/deployments/web/scale", SCALE],
];
const reads: readonly string[] = [
  "/api/v1/namespaces/shop/pods?limit=1&continue=abc",
  "/api/v1/pods?labelSelector=a%3Db&fieldSelector=metadata.name%3Dx",
  "/api/v1/configmaps?resourceVersion=1&resourceVersionMatch=Exact",
  "/apis",
  "/api",
  "/apis/apps/v1",
  "/openapi/v2",
  "/openapi/v3",
  "/openapi/v3/apis/apps/v1?hash=x",
  "/version",
  "/healthz/ping",
  "/readyz?verbose&exclude=x",
  "/metrics",
  "/api/v1/namespaces/shop/pods/web/log?tailLines=x&sinceTime=y",
  "/api/v1/namespaces/shop/pods/web/exec?command=x",
  "/api/v1/nodes/n1/proxy/x",
  "/api/v1/namespaces/shop/services/https:web:80/proxy/",
  "/.well-known/openid-configuration",
  "/mainstay/v1/join",
  "/api/v1/watch/pods?timeoutSeconds=0",
  "/api/v1/pods?watch=1&timeoutSeconds=0&resourceVersion=999999999999",
];
const ACCEPT = [
  "application/json",
  "application/yaml",
  "application/vnd.kubernetes.protobuf",
  "application/json;as=Table;g=meta.k8s.io;v=v1",
  "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
  "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io",
  "application/cbor",
  "*/*",
];

function shot(random: Random): Shot {
  const accept = random.next() < 0.3 ? { accept: headerText(mutateText(random, pick(random, ACCEPT))) } : { accept: pick(random, ACCEPT) };
  const extra =
    random.next() < 0.1
      ? {
          [pick(random, ["impersonate-user", "if-none-match", "if-modified-since", "accept-encoding", "authorization", "content-encoding", "user-agent"])]: headerText(
            mutateText(random, "gzip, Bearer x"),
          ),
        }
      : {};
  const query =
    random.next() < 0.4
      ? `?${mutatePath(random, pick(random, ["dryRun=All", "fieldManager=me&force=true", "fieldValidation=Strict", "gracePeriodSeconds=0&propagationPolicy=Foreground", "pretty=true", "timeout=1s", "includeObject=Object"]))}`
      : "";
  const chance = random.next();
  if (chance < 0.2)
    return { method: pick(random, ["GET", "HEAD", "OPTIONS", "POST", "DELETE", "TRACE", "PUT"]), path: mutatePath(random, pick(random, reads)), headers: { ...accept, ...extra }, body: undefined };
  const isPatch = chance > 0.6;
  const [path_, object] = chance < 0.4 ? pick(random, targets) : pick(random, named);
  const method = isPatch ? "PATCH" : chance < 0.4 ? "POST" : pick(random, ["PUT", "PUT", "DELETE", "POST"]);
  const where = random.next() < 0.1 ? mutatePath(random, path_) : path_;
  const { contentType, body } = isPatch ? patchBody(random, object) : objectBody(random, object, method);
  return {
    method,
    path: `${where}${query || (method === "DELETE" ? "?dryRun=All" : "")}`,
    headers: { ...accept, ...extra, "content-type": random.next() < 0.05 ? headerText(mutateText(random, contentType)) : contentType },
    body,
  };
}

function patchBody(random: Random, object: object): { readonly contentType: string; readonly body: Buffer } {
  const contentType = pick(random, ["application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml"]);
  const operations = [
    { op: "add", path: "/metadata/labels/x", value: "y" },
    { op: "test", path: "/metadata/name", value: "web" },
    { op: "replace", path: "/spec", value: { replicas: 1 } },
  ];
  const value = mutateValue(random, contentType.includes("json-patch") ? operations : object);
  const text = JSON.stringify(value) ?? "";
  return { contentType, body: random.next() < 0.2 ? mutateBytes(random, Buffer.from(text)) : Buffer.from(text) };
}

function objectBody(random: Random, object: object, method: string): { readonly contentType: string; readonly body: Buffer } {
  const value =
    method === "DELETE"
      ? mutateValue(random, { kind: "DeleteOptions", apiVersion: "v1", gracePeriodSeconds: 0, preconditions: { uid: "x" }, propagationPolicy: "Orphan", dryRun: ["All"] })
      : mutateValue(random, object);
  const chance = random.next();
  if (chance < 0.2) return { contentType: "application/vnd.kubernetes.protobuf", body: mutateBytes(random, wrapUnknown("v1", "Pod", encodeProtobuf(podResource.schema, POD))) };
  const text = Buffer.from(JSON.stringify(value) ?? "");
  return { contentType: chance < 0.4 ? "application/yaml" : "application/json", body: random.next() < 0.2 ? mutateBytes(random, text) : text };
}

/** Node's own client refuses what no header and no request line may hold; the raw bytes have a test of their own. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").trim() || "x";
}

function mutatePath(random: Random, text: string): string {
  const mutated = mutateText(random, text).replace(/[^\x21-\x7e]/g, (character) => encodeURIComponent(character.replace(/[\ud800-\udfff]/, "?")));
  return mutated.startsWith("/") || !text.startsWith("/") ? mutated : `/${mutated}`;
}

function send(base: string, { method, path: url, headers, body }: Shot): Promise<{ readonly code: number; readonly type: string; readonly body: Buffer }> {
  const { hostname, port, protocol } = new URL(base);
  return new Promise((resolve, reject) => {
    const outgoing = (protocol === "https:" ? https : http).request(
      { host: hostname, port, path: url, method, headers: { ...headers, ...(body === undefined ? {} : { "content-length": String(body.length) }) }, ...(protocol === "https:" ? { agent } : {}) },
      (response) => {
        const chunks: Buffer[] = [];
        const done = () => resolve({ code: response.statusCode ?? 0, type: response.headers["content-type"] ?? "", body: Buffer.concat(chunks) });
        response.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          // A watch may have begun; that it answered is all there is to know.
          if (/watch/.test(url)) (done(), response.destroy());
        });
        response.on("end", done).on("error", reject);
      },
    );
    outgoing.setTimeout(20_000, () => outgoing.destroy(new Error("no answer within 20 s")));
    outgoing.on("error", reject).end(body);
  });
}

/** Several rounds at once until the time is over, and so many at least; every answer is judged. */
async function fire(base: string, aim: (random: Random) => Shot, judge: (shot: Shot, answer: Awaited<ReturnType<typeof send>>) => string | undefined): Promise<number> {
  const until = performance.now() + SECONDS_MAX * 1000;
  let rounds = 0;
  const worker = async () => {
    while (performance.now() < until || rounds <= ROUNDS_MIN) {
      const seed = SEED * 1_000_003 + rounds++;
      const aimed = aim(seededRandom(seed));
      const told = () => `seed ${seed}: ${aimed.method} ${aimed.path} ${JSON.stringify(aimed.headers)}\n${aimed.body?.toString("utf8").slice(0, 2000) ?? ""}`;
      const answer = await send(base, aimed).catch((error: unknown) => {
        throw new Error(`no answer, ${told()}`, { cause: error });
      });
      const problem = judge(aimed, answer);
      if (problem !== undefined) throw new Error(`${problem}, ${told()}\n→ ${answer.code} ${answer.body.toString("utf8").slice(0, 1000)}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return rounds;
}

test("every request is answered: done, or refused with a Status", async () => {
  const rounds = await fire(api.url, shot, ({ method }, { code, type, body }) => {
    // 500 is what upstream says of a resourceVersion on a create or that is no number, of applies that do not fit their kind and of lists in
    // patches whose items have no common type; 503 is of streams without nodes, 504 of versions that are still to come.
    const text = body.toString("utf8");
    if (
      code >= 500 &&
      code !== 504 &&
      !/resourceVersion should not be set|strconv\.ParseUint|failed to (?:create typed patch|convert new) object|list element types are not identical|lists of lists are not supported|expected a \S+(?: \{\})?, but received a|does not contain declared merge key|unknown patch type: |merging lists cannot yet|cannot merge lists without|The order in patch list:|without impersonating a user|could not be|without credentials|no endpoints|has no address|error trying to reach/.test(
        text,
      )
    )
      return "an error of the server";
    if (code >= 400 && method !== "HEAD" && type.startsWith("application/json") && (JSON.parse(text) as { readonly kind?: unknown }).kind !== "Status") return "a failure that is no Status";
    return undefined;
  });
  expect(rounds).toBeGreaterThan(ROUNDS_MIN);
  expect((await api.client.for(configMapResource).list("shop")).items.length).toBeGreaterThanOrEqual(0);
});

test.each(["//", "//x", "///", "/%", "/%zz", "//[", "/\\", "//a:b:c/", "*", "http://[", "https://u:p@h:99999/x"])("the address %s is answered", async (address) => {
  for (const method of ["GET", "POST", "OPTIONS"]) {
    const { code } = await send(api.url, { method, path: address, headers: {}, body: undefined });
    expect(code).toBeGreaterThanOrEqual(200);
    expect(code).toBeLessThan(500);
  }
});

test("a time limit that cannot be read is refused, and what was asked beside it is not begun", async () => {
  const refused = await send(api.url, { method: "POST", path: "/api/v1/namespaces/shop/configmaps?timeout=1x", headers: { "content-type": "application/nonsense" }, body: Buffer.from("{}") });
  expect([refused.code, refused.body.toString()]).toEqual([400, expect.stringContaining("invalid timeout specified in the request URL")]);
});

test("bytes that are no HTTP end their own connection only", async () => {
  const { hostname, port } = new URL(api.url);
  const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x05\x01\x05\x00\x00\x00\x01\x82\x84\x86\x41\x00", "latin1");
  const plain = Buffer.from("GET /api/v1/pods HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  const upgrade = Buffer.from(
    "GET /api/v1/namespaces/shop/pods/web/exec?command=x&stdin=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n\x81\x85\x01\x02\x03\x04abcde",
    "latin1",
  );
  await Promise.all(
    Array.from({ length: 120 }, (_, index) => {
      const random = seededRandom(SEED * 31 + index);
      const valid = pick(random, [preface, plain, upgrade]);
      const bytes = mutateBytes(random, valid);
      return new Promise<void>((resolve) => {
        const socket =
          index % 5 === 0
            ? connectPlain({ host: hostname, port: Number(port) })
            : connectTls({
                host: hostname,
                port: Number(port),
                ca: api.pki.ca,
                ALPNProtocols: valid === preface ? ["h2"] : ["http/1.1"],
                ...(index % 2 === 0 ? {} : { cert: agent.options.cert, key: agent.options.key }),
              });
        socket.on("error", () => {}).on("close", () => resolve());
        socket.on("data", () => {});
        socket.write(bytes, () => setTimeout(() => socket.destroy(), 100 + randomInteger(random, 200)));
      });
    }),
  );
  expect((await send(api.url, { method: "GET", path: "/version", headers: {}, body: undefined })).code).toBe(200);
});

test("a Git server refuses broken requests and goes on", async () => {
  const root = await mkdtemp(path.join(os.tmpdir(), "fuzz-git-"));
  const running = new AbortController();
  let server: GitServer | undefined;
  let ended: Promise<void> | undefined;
  try {
    const { execFileSync } = await import("node:child_process");
    execFileSync("git", ["init", "-q", "--bare", path.join(root, "home.git")]);
    server = await startGitServer({ root, address: "127.0.0.1", port: 0, logger: silentLogger });
    ended = server.run(running.signal);
    const base = `http://127.0.0.1:${server.port}`;
    const commands = Buffer.concat([
      Buffer.from("00940000000000000000000000000000000000000000 1111111111111111111111111111111111111111 refs/heads/main\0 report-status side-band-64k object-format=sha1\n0000PACK"),
      Buffer.from([0, 0, 0, 2, 0, 0, 0, 1]),
    ]);
    const wants = Buffer.from("0032want 1111111111111111111111111111111111111111\n00000009done\n");
    for (let index = 0; index < 40; index++) {
      const random = seededRandom(SEED * 17 + index);
      const isPush = random.next() < 0.5;
      const service = isPush ? "receive-pack" : "upload-pack";
      const body = mutateBytes(random, isPush ? commands : wants);
      const aimed: Shot =
        random.next() < 0.2
          ? { method: "GET", path: mutatePath(random, "/home.git/info/refs?service=git-upload-pack"), headers: {}, body: undefined }
          : {
              method: "POST",
              path: random.next() < 0.1 ? mutatePath(random, `/home.git/git-${service}`) : `/home.git/git-${service}`,
              headers: {
                "content-type": `application/x-git-${service}-request`,
                ...(random.next() < 0.2 ? { "content-encoding": "gzip" } : {}),
                ...(random.next() < 0.3 ? { "git-protocol": headerText(mutateText(random, "version=2")) } : {}),
              },
              body,
            };
      const answer = await send(base, aimed);
      expect(answer.code, `round ${index}: ${aimed.method} ${aimed.path} ${body.toString("latin1")}`).toBeLessThan(500);
    }
    expect((await send(base, { method: "GET", path: "/home.git/info/refs?service=git-upload-pack", headers: {}, body: undefined })).code).toBe(200);
  } finally {
    running.abort();
    await ended;
    await rm(root, { recursive: true, force: true });
  }
});

import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";

/**
 * A program: a registry of one image, laid out in a folder as OCI says, which gives it by any name to whoever says `person:password`. It says when it
 * listens on its port of the loopback.
 */
const [folder = "", port = "", person = ""] = process.argv.slice(2);
const { manifests } = JSON.parse(readFileSync(path.join(folder, "index.json"), "utf8")) as { readonly manifests: readonly { readonly digest: string; readonly mediaType: string }[] }; // OCI's
const [manifest] = manifests;

createServer((request, response) => {
  if (request.headers.authorization !== `Basic ${Buffer.from(person).toString("base64")}`) {
    response.writeHead(401, { "www-authenticate": 'Basic realm="registry"' }).end();
    return;
  }
  const [, kind, reference = ""] = /\/(manifests|blobs)\/([^/]+)$/.exec(request.url ?? "") ?? [];
  const digest = kind === "manifests" ? (manifest?.digest ?? "") : reference;
  const file = path.join(folder, "blobs", ...digest.split(":"));
  if (kind === undefined || !existsSync(file)) {
    response.writeHead(404).end();
    return;
  }
  const bytes = readFileSync(file);
  response.writeHead(200, {
    "content-type": kind === "manifests" ? manifest?.mediaType : "application/octet-stream",
    "docker-content-digest": digest,
    "content-length": bytes.length,
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
}).listen(Number(port), "127.0.0.1", () => console.log("listening"));

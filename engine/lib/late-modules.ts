import { webcrypto } from "node:crypto";
import { createRequire } from "node:module";

/**
 * What takes long to load and a start can do without: each comes with its first use. Together they were a third of the modules that a
 * server loaded (test/bench/README.md, "The start, and memory"); `test/unit/layers.test.ts` lets nobody import them elsewhere.
 */
const require = createRequire(import.meta.url);

/** Certificates and signing requests, to be made and read. */
export const loadX509 = late(() => {
  require("reflect-metadata"); // its ASN.1 decorators register themselves through it
  const library = require("@peculiar/x509") as typeof import("@peculiar/x509");
  library.cryptoProvider.set(webcrypto);
  return library;
});

/** JSON web tokens. */
export const loadJose = late(() => require("jose") as typeof import("jose"));

/** Pages that a proxy shows. */
export const loadHtmlRewriter = late(() => require("parse5-html-rewriting-stream") as typeof import("parse5-html-rewriting-stream"));

/** Schedules; brings a library of dates along. */
export const loadCron = late(() => require("cron") as typeof import("cron"));

/** RE2's regular expressions. */
export const loadRe2 = late(() => require("@bufbuild/re2") as typeof import("@bufbuild/re2"));

/**
 * Node's HTTP module. An `import` of it reads its every export, and one of them, its WebSocket, is the whole of undici: three times the
 * time that the module itself takes, and 12 MiB that stay (Node 24).
 */
export const http = process.getBuiltinModule("node:http");

function late<T>(load: () => T): () => T {
  let loaded: T | undefined;
  return () => (loaded ??= load());
}

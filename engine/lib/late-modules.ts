import { createRequire } from "node:module";

/**
 * What is loaded with its first use and not before; `test/unit/layers.test.ts` lets nobody import it elsewhere. Either it takes long and a
 * start can do without (such were a third of the modules that a server loaded: test/bench/README.md, "The start, and memory"), or it
 * cannot be part of a snapshot (engine/cli/snapshot/README.md).
 */
const require = createRequire(import.meta.url);

/**
 * Node's modules with parts of their own outside of the heap, which no snapshot holds. Besides, an `import` of the one for HTTP reads its every
 * export, and one of them, its WebSocket, is the whole of undici: three times the time that the module itself takes, and 12 MiB that stay (Node 24).
 */
export const nodeJs = {
  get http() {
    return loadHttp();
  },
  get https() {
    return loadHttps();
  },
  get http2() {
    return loadHttp2();
  },
  get tls() {
    return loadTls();
  },
  get sqlite() {
    return loadSqlite();
  },
};

const loadTls = late(() => process.getBuiltinModule("node:tls"));
const loadHttp = late(() => process.getBuiltinModule("node:http"));
const loadHttps = late(() => process.getBuiltinModule("node:https"));
const loadHttp2 = late(() => process.getBuiltinModule("node:http2"));
const loadSqlite = late(() => process.getBuiltinModule("node:sqlite"));

/** Loads what HTTPS is served with, where there is time to. */
export function loadHttpsServer(): void {
  loadHttp2();
}

/** Certificates and signing requests, to be made and read. */
export const loadX509 = late(() => {
  require("reflect-metadata"); // its ASN.1 decorators register themselves through it
  const library = require("@peculiar/x509") as typeof import("@peculiar/x509");
  library.cryptoProvider.set(crypto);
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

/** WebSockets, the server's side of them. */
export const loadWebSockets = late(() => require("ws") as typeof import("ws"));

/** The same value each time, made when it is first asked for. */
export function late<T>(load: () => T): () => T {
  let loaded: T | undefined;
  return () => (loaded ??= load());
}

import path from "node:path";
import { describe, expect, test } from "vitest";
import { importsOf, place, readSources, sourceFile, type SourceFile } from "./source-scan.ts";

/** Which rooms each room may import; a trailing `(types)` allows types only. The table of DESIGN.md, "Layers". */
const BASE = ["engine/lib", "engine/apimachinery", "engine/resources"];
const API_CLIENT = [...BASE, "engine/client"];
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  "engine/lib": [],
  "engine/apimachinery": ["engine/lib"],
  "engine/cel": ["engine/lib", "engine/apimachinery"],
  "engine/resources": ["engine/lib", "engine/apimachinery", "engine/cel"],
  "engine/storage": BASE,
  "engine/client": BASE,
  "engine/registry": [...BASE, "engine/cel", "engine/storage", "engine/client (types)"],
  "engine/admission": [...BASE, "engine/cel", "engine/storage", "engine/client (types)"],
  "engine/auth": [...BASE, "engine/cel", "engine/storage", "engine/client (types)"],
  "engine/server": [...API_CLIENT, "engine/cel", "engine/storage", "engine/registry", "engine/admission", "engine/auth"],
  "engine/controllers": [...API_CLIENT, "engine/cel"],
  "engine/scheduler": API_CLIENT,
  "engine/gitops": API_CLIENT,
  "engine/quorum": [...BASE, "engine/storage", "engine/auth"],
  "engine/backup": [...BASE, "engine/storage", "engine/gitops"],
  "node-agent": API_CLIENT,
};

/** Where the parts meet: these may import everything, and nothing below imports them. */
const isComposition = (name: string) => /^engine\/(?:(?:cli|options|setup)\/.*|[^/]+)\.ts$|^node-agent\/[^/]+\.ts$/.test(name);

/**
 * Files that touch the machine's clock or chance because they are the machine's edge, each with its reason.
 * Everything else takes a Clock and a Random, or simulations could not be replayed.
 */
const ADAPTERS: Readonly<Record<string, string>> = {};

const AMBIENT = /\b(?:Date\.now|Math\.random|performance\.now)\s*\(|(?<![.\w])(?:setTimeout|setInterval|randomUUID)\s*\(|\bcrypto\.randomUUID\s*\(|\bnew Date\(\s*\)/g;

const LINES_MAX = 500;

/** What a start does not wait for, and the one file that loads it. */
const LATE_MODULES = "engine/lib/late-modules.ts";
const LATE: readonly string[] = [
  "node:http",
  "node:https",
  "node:http2",
  "node:tls",
  "node:sqlite",
  "ws",
  "@peculiar/x509",
  "reflect-metadata",
  "jose",
  "cron",
  "@bufbuild/re2",
  "parse5-html-rewriting-stream",
];

function roomOf(name: string): string {
  if (isComposition(name)) return "composition";
  return name.startsWith("node-agent/") ? "node-agent" : name.split("/").slice(0, 2).join("/");
}

function layerBreaches(file: SourceFile): string[] {
  const room = roomOf(file.name);
  return importsOf(file).flatMap(({ specifier, offset, isTypeOnly }) => {
    if (!specifier.startsWith(".")) return [];
    const at = place(file, offset);
    const target = path.posix.join(path.posix.dirname(file.name), specifier);
    if (!/\.(ts|json)$/.test(specifier)) return [`${at} imports ${specifier}, which lacks its .ts suffix`];
    if (room === "composition" || roomOf(target) === room) return [];
    if (roomOf(target) === "composition") return [`${at} imports ${target}, where the parts meet; nothing below may`];
    const allowed = LAYERS[room];
    if (allowed === undefined) return [`${at} is in ${room}, which has no place in the table of layers`];
    const isAllowed = allowed.includes(roomOf(target)) || (isTypeOnly && allowed.includes(`${roomOf(target)} (types)`));
    return isAllowed ? [] : [`${at} imports ${target}: ${room} may import ${allowed.join(", ") || "no other room"}`];
  });
}

function earlyImports(file: SourceFile): string[] {
  if (file.name === LATE_MODULES) return [];
  return importsOf(file).flatMap(({ specifier, offset, isTypeOnly }) => (isTypeOnly || !LATE.includes(specifier) ? [] : [`${place(file, offset)} imports ${specifier}; take it from ${LATE_MODULES}`]));
}

/** Ciphers and the reader of their configuration are for those who have one. */
function sealingImports(file: SourceFile): string[] {
  const folder = "engine/storage/encryption/";
  if (file.name.startsWith(folder) || file.name === "engine/setup/encryption-setup.ts") return [];
  return importsOf(file).flatMap(({ specifier, offset, isTypeOnly }) => {
    const target = path.posix.join(path.posix.dirname(file.name), specifier);
    return isTypeOnly || !target.startsWith(folder) ? [] : [`${place(file, offset)} imports ${target}, which every start would load`];
  });
}

function anyUses(file: SourceFile): string[] {
  return [...file.code.matchAll(/(?:[:<,|&(=]|\bas|\bextends)\s*(any)\b(?!\s*[(:?.])|\b(any)\[\]/g)].map(
    (match) => `${place(file, match.index + match[0].indexOf("any"))} uses any; take unknown and narrow it`,
  );
}

function ambientUses(file: SourceFile): string[] {
  if (file.name.startsWith("engine/lib/") || ADAPTERS[file.name] !== undefined) return [];
  return [...file.code.matchAll(AMBIENT)].map((match) => `${place(file, match.index)} calls ${match[0].replace(/\s*\($/, "")}; take a Clock or a Random`);
}

function lengthBreaches(file: SourceFile): string[] {
  const lines = file.text.split("\n").length - 1;
  const isGenerated = /^\/\/ (Generated |@generated )/m.test(file.text);
  return lines <= LINES_MAX || isGenerated ? [] : [`${file.name}:${LINES_MAX + 1} goes on to line ${lines}; split it along a seam`];
}

describe("the source tree", () => {
  const files = readSources("engine", "node-agent");
  test("imports only downward, with .ts suffixes", () => expect(files.flatMap(layerBreaches)).toEqual([]));
  test("loads late what a start can do without", () => expect(files.flatMap(earlyImports)).toEqual([]));
  test("loads what seals values only where they are sealed", () => expect(files.flatMap(sealingImports)).toEqual([]));
  test("has no any", () => expect(files.flatMap(anyUses)).toEqual([]));
  test("asks for time and chance only through Clock and Random", () => expect(files.flatMap(ambientUses)).toEqual([]));
  test(`has no file of more than ${LINES_MAX} lines`, () => expect(files.flatMap(lengthBreaches)).toEqual([]));
});

describe("the rules", () => {
  const breaches = (name: string, text: string) => layerBreaches(sourceFile(name, text));

  test("name the file, the line and what would be allowed", () => {
    expect(breaches("engine/storage/a.ts", 'import "./b.ts";\n\nimport { x } from "../client/client.ts";\n')).toEqual([
      "engine/storage/a.ts:3 imports engine/client/client.ts: engine/storage may import engine/lib, engine/apimachinery, engine/resources",
    ]);
    expect(breaches("engine/lib/a.ts", 'export * from "../apimachinery/quantity.ts";')).toHaveLength(1);
    expect(breaches("engine/gitops/a.ts", 'const a = await import("../server/api-server.ts");')).toHaveLength(1);
    expect(breaches("node-agent/pods/a.ts", 'import { run } from "../main.ts";')).toEqual(["node-agent/pods/a.ts:1 imports node-agent/main.ts, where the parts meet; nothing below may"]);
  });

  test("let the admission chain have the client's types but not its code", () => {
    expect(breaches("engine/admission/a.ts", 'import type { Client } from "../client/client.ts";')).toEqual([]);
    expect(breaches("engine/admission/a.ts", 'import { type Client } from "../client/client.ts";')).toEqual([]);
    expect(breaches("engine/admission/a.ts", 'import { createInformer } from "../client/informer.ts";')).toHaveLength(1);
  });

  test("let the composition root import everything", () => {
    expect(breaches("engine/engine.ts", 'import { a } from "./server/api-server.ts";\nimport { b } from "../node-agent/agent.ts";')).toEqual([]);
  });

  test("want suffixes on relative imports only", () => {
    expect(breaches("engine/lib/a.ts", 'import fs from "node:fs";\nimport { b } from "./b";')).toEqual(["engine/lib/a.ts:2 imports ./b, which lacks its .ts suffix"]);
  });

  test("let types of late modules in, and nothing else", () => {
    expect(earlyImports(sourceFile("engine/a.ts", 'import type { IncomingMessage } from "node:http";\nimport path from "node:path";\n'))).toEqual([]);
    expect(earlyImports(sourceFile("engine/a.ts", '\nimport http, { type IncomingMessage } from "node:http";\n'))).toEqual([
      "engine/a.ts:2 imports node:http; take it from engine/lib/late-modules.ts",
    ]);
  });

  test("find any as a type, and not as a word, a method or a name", () => {
    const text =
      'const a: any = 1;\nfunction f(b: Map<string, any>) {}\n// any of these\nconst c = AbortSignal.any([]);\nconst d = { any: 1 };\nconst e = "x as any";\nconst g = h as any;\nlet i: any[];\n';
    expect(anyUses(sourceFile("a.ts", text)).map((line) => line.split(" ")[0])).toEqual(["a.ts:1", "a.ts:2", "a.ts:7", "a.ts:8"]);
  });

  test("find the machine's clock and chance outside of strings, comments and regular expressions", () => {
    const text =
      'const a = Date.now();\n// Date.now()\nconst b = "Math.random()";\nconst c = /setTimeout(a)/;\nclock.setTimeout(1);\nsetTimeout(f, 1);\nconst d = `${Math.random()} Date.now()`;\nconst e = new Date();\nconst g = new Date(0);\n';
    expect(ambientUses(sourceFile("engine/server/a.ts", text)).map((line) => line.split(" ")[0])).toEqual([
      "engine/server/a.ts:1",
      "engine/server/a.ts:6",
      "engine/server/a.ts:7",
      "engine/server/a.ts:8",
    ]);
    expect(ambientUses(sourceFile("engine/lib/a.ts", text))).toEqual([]);
  });

  test("measure files that were written by hand", () => {
    expect(lengthBreaches(sourceFile("engine/a.ts", "x\n".repeat(500)))).toEqual([]);
    expect(lengthBreaches(sourceFile("engine/a.ts", "x\n".repeat(501)))).toEqual(["engine/a.ts:501 goes on to line 501; split it along a seam"]);
    for (const header of ["// Generated from schemas", "// @generated by protoc-gen-es"]) expect(lengthBreaches(sourceFile("engine/a.ts", `${header}\n${"x\n".repeat(900)}`))).toEqual([]);
  });
});

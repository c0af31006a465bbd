// The loader within a snapshot (see README.md). build-snapshot.mjs puts it before the chunks that it is called with.
"use strict";

/**
 * Runs the entry. Chunks that are given are modules of the snapshot; all others are files of the folder, loaded by Node's own loader once the snapshot
 * runs, which finds the given ones loaded.
 */
function loadProgram(folder, entry, chunks) {
  const builtin = require; // while a snapshot is made, it knows Node's own modules only
  const modules = new Map();
  let fromFolder;

  function requireModule(name) {
    const chunk = name.replace("./", "");
    if (chunk in chunks) return load(chunk);
    return chunk.endsWith(".cjs") ? lateRequire()(name) : builtin(name);
  }

  function load(chunk) {
    let module = modules.get(chunk);
    if (module === undefined) {
      module = { exports: {} };
      modules.set(chunk, module);
      chunks[chunk](module.exports, requireModule, module);
    }
    return module.exports;
  }

  function lateRequire() {
    if (fromFolder === undefined) {
      const { createRequire, Module } = process.getBuiltinModule("node:module");
      const file = (chunk) => `${folder}/${chunk}`;
      fromFolder = createRequire(file(entry));
      for (const [chunk, { exports }] of modules)
        fromFolder.cache[file(chunk)] = Object.assign(new Module(file(chunk)), { exports, filename: file(chunk), loaded: true });
    }
    return fromFolder;
  }

  const admit = forbid({
    "node:crypto": { randomBytes: refuse, randomFillSync: refuse, randomInt: refuse, randomUUID: refuse },
    "node:process": { cwd: refuse },
    "node:os": { hostname: () => "the-host-of-the-snapshot" }, // Pino asks, for what it is not told to write
  });
  load(entry);
  admit();
}

/** What must not be the same in every process that comes from the snapshot has a stand-in until the returned function is called. */
function forbid(standIns) {
  let isForbidden = true;
  for (const [name, functions] of Object.entries(standIns)) {
    const owner = require(name);
    for (const [key, standIn] of Object.entries(functions)) {
      const original = owner[key];
      owner[key] = function (...args) {
        return isForbidden ? standIn() : original.apply(this, args);
      };
    }
  }
  const values = ["argv", "execArgv"].map((key) => [key, Object.getOwnPropertyDescriptor(process, key)]);
  for (const [key] of values) Object.defineProperty(process, key, { get: refuse, configurable: true });
  return () => {
    isForbidden = false;
    for (const [key, descriptor] of values) Object.defineProperty(process, key, descriptor);
  };
}

function refuse() {
  throw new Error("a module asks, as it is loaded, for what would be the same in every process of the snapshot: chance, arguments or the working directory");
}

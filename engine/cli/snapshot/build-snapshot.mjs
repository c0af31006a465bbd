// Makes the form of the program that is run: bundles its sources, then has Node keep the state of a process that has loaded them.
// Runs under the project's own Node: `node build-snapshot.mjs <empty folder>`. See README.md.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { rolldown } from "rolldown";
import { projectRoot } from "../setup.mjs";
import { nodeFlags } from "./program.mjs";

/** A snapshot is made of each. */
const PROGRAMS = { server: "engine/cli/snapshot/server-program.ts", agent: "engine/cli/snapshot/agent-program.ts" };
/** What prints the objects that every cluster begins with. */
const FIRST_OBJECTS = { "first-objects": "engine/cli/snapshot/first-objects-program.ts" };
/** What runs in threads of its own, each from one file: nothing but its own modules may be loaded there (README.md). */
const THREADS = [
  "engine/storage/sqlite/sqlite-worker.ts",
  "engine/server/http/yaml-body-worker.ts",
  "engine/gitops/yaml/manifest-yaml-worker.ts",
  "engine/gitops/pages/render-markdown-worker.ts",
];
/** The entry that stands for a late library. */
const LIBRARY = "\0library";
const CREATE_REQUIRE = "const require = createRequire(import.meta.url);";
// Names stay as they are: they are what a stack is read by.
const FORM = {
  format: "cjs",
  entryFileNames: "[name].cjs",
  chunkFileNames: "[name]-[hash].cjs",
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
};

const folder = path.resolve(process.argv[2]);
const chunks = await bundle();
for (const { fileName, code } of chunks) writeFileSync(path.join(folder, fileName), code);
writeFirstObjects();
for (const name of Object.keys(PROGRAMS)) takeSnapshot(name);
writeFileSync(path.join(folder, "inputs.json"), JSON.stringify(inputs()));

/** All chunks: of the programs and of what they import later, and a bundle for each thread and each late library. */
async function bundle() {
  const libraries = new Map();
  const options = { external: (id) => id.startsWith(path.join(folder, "library-")), plugins: [placed(libraries)] };
  const program = await generate({ ...PROGRAMS, ...FIRST_OBJECTS }, options);
  const threads = await Promise.all(THREADS.map((file) => generate({ [path.basename(file, ".ts")]: file }, options, { codeSplitting: false })));
  const late = await Promise.all(
    [...libraries].map(([name, file]) => generate({ [path.basename(file, ".cjs")]: LIBRARY }, { plugins: [entryOf(name)] }, { codeSplitting: false })),
  );
  return [program, ...threads, ...late].flat();
}

async function generate(input, options, form = {}) {
  const build = await rolldown({ input, cwd: projectRoot, platform: "node", makeAbsoluteExternalsRelative: false, logLevel: "silent", ...options });
  const { output } = await build.generate({ ...FORM, ...form });
  await build.close();
  return output.map((chunk) => ({ ...chunk, code: asciiOf(chunk.code) }));
}

/** Modules that ask where they are get the place of their source; late libraries are required from bundles of their own. */
function placed(libraries) {
  return {
    name: "placed",
    transform(code, id) {
      let text = code.replace(/new URL\("\.\/([\w-]+-worker)\.ts", import\.meta\.url\)/g, (_, name) => {
        const file = path.relative(projectRoot, path.join(path.dirname(id), `${name}.ts`));
        if (!THREADS.includes(file)) throw new Error(`${file} is none of the threads that a bundle is made of`);
        return `new URL(${JSON.stringify(pathToFileURL(path.join(folder, `${name}.cjs`)).href)})`;
      });
      text = text.replace(
        'new URL("./first-objects.json", import.meta.url)',
        `new URL(${JSON.stringify(pathToFileURL(path.join(folder, "first-objects.json")).href)})`,
      );
      if (text.includes(CREATE_REQUIRE)) {
        text = text.replace(CREATE_REQUIRE, "").replace(/\brequire\("([^"]+)"\)/g, (_, name) => {
          if (!libraries.has(name)) libraries.set(name, path.join(folder, `library-${name.replace(/\W+/g, "-")}.cjs`));
          return `require(${JSON.stringify(libraries.get(name))})`;
        });
      }
      text = text.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(id).href));
      return text === code ? undefined : { code: text, moduleType: id.endsWith(".ts") ? "ts" : "js" };
    },
  };
}

function entryOf(name) {
  return {
    name: "library",
    resolveId: (id) => (id === LIBRARY ? id : undefined),
    load: (id) => (id === LIBRARY ? `module.exports = require(${JSON.stringify(name)});` : undefined),
  };
}

/** A single character beyond Latin-1 would have V8 keep two bytes for each of the text's. */
function asciiOf(code) {
  return code.replace(/[\u0080-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function writeFirstObjects() {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--no-warnings", path.join(folder, "first-objects.cjs")], {
    env: {},
    encoding: "utf8",
    maxBuffer: 1 << 24,
  });
  if (status !== 0) throw new Error(`the first objects could not be made:\n${stderr}`);
  writeFileSync(path.join(folder, "first-objects.json"), stdout);
}

function takeSnapshot(name) {
  const script = path.join(folder, `${name}-snapshot.cjs`);
  writeFileSync(script, snapshotScript(`${name}.cjs`));
  // Nothing of this environment is to be found in the snapshot.
  const { status, stderr } = spawnSync(
    process.execPath,
    ["--no-warnings", ...nodeFlags, "--snapshot-blob", path.join(folder, `${name}.blob`), "--build-snapshot", script],
    { env: {}, encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`node --build-snapshot failed for the ${name}:\n${stderr}`);
}

/** One script, as a snapshot's has to be: the chunks that the entry needs at once, as modules of a small loader (snapshot-loader.cjs). */
function snapshotScript(entry) {
  const loader = readFileSync(fileURLToPath(new URL("./snapshot-loader.cjs", import.meta.url)), "utf8");
  const modules = atOnce(entry).map(({ fileName, code }) => `${JSON.stringify(fileName)}: function (exports, require, module) {${code}\n}`);
  return `${loader}\nloadProgram(${JSON.stringify(folder)}, ${JSON.stringify(entry)}, {\n${modules.join(",\n")}\n});\n`;
}

/** A chunk and those that it imports, and they. */
function atOnce(fileName, found = new Map()) {
  const chunk = chunks.find((candidate) => candidate.fileName === fileName);
  if (chunk === undefined || found.has(fileName)) return [...found.values()]; // not a chunk: a module of Node's
  found.set(fileName, chunk);
  for (const name of chunk.imports) atOnce(name, found);
  return [...found.values()];
}

/** Each file of the project that the program was made of, with what tells whether it has changed; packages change with package-lock.json. */
function inputs() {
  const files = new Set(chunks.flatMap((chunk) => Object.keys(chunk.modules)).filter((id) => id.startsWith(projectRoot) && !id.includes("/node_modules/")));
  for (const file of readdirSync(path.join(projectRoot, "schemas"), { recursive: true }))
    if (file.endsWith(".yaml")) files.add(path.join(projectRoot, "schemas", file));
  for (const file of ["build-snapshot.mjs", "snapshot-loader.cjs"]) files.add(fileURLToPath(new URL(file, import.meta.url)));
  return [...files].map((file) => [path.relative(projectRoot, file), statSync(file).mtimeMs, statSync(file).size]);
}

#!/usr/bin/env node
// The entry of every command: prepares the machine, then runs the engine under the project's own Node.
// Plain JavaScript for Node 18 upward.
import { spawn } from "node:child_process";
import path from "node:path";
import { agentNeeds, installNodePackages, installSystemPackages, projectNode, projectRoot, quorumNeeds, serverNeeds } from "./setup.mjs";

const args = process.argv.slice(2);
const allowed = !args.includes("--no-install") && process.env.MAINSTAY_NO_INSTALL !== "true";
const asksForHelp = args.includes("--help") || args.includes("-h");
const say = (line) => process.stderr.write(`mainstay: ${line}\n`);

installNodePackages({ allowed, say });
if (!asksForHelp) installSystemPackages(needsOf(args), { allowed, say });

const [script, rest] = args[0] === "--script" ? [args[1], args.slice(2)] : ["engine/main.ts", args.filter((arg) => arg !== "--no-install")];
// With its compiled form kept, the code is not stripped of its types anew at each start: a third less time, 30 MiB less memory.
// One arena of glibc's serves all threads: each of their own keeps what it has freed.
const environment = { NODE_COMPILE_CACHE: path.join(projectRoot, "node_modules/.cache/compiled"), MALLOC_ARENA_MAX: "1", ...process.env };
// A smaller nursery than Node's, and a heap that is swept before it has doubled: together less than two thirds of the memory after much
// work, for about a twentieth of the time (npm run bench -- api).
// DEP0123: gRPC names the server by its address where that is an IP; harmless, and not ours to change.
const child = spawn(projectNode, ["--disable-warning=ExperimentalWarning", "--disable-warning=DEP0123", "--max-semi-space-size=8", "--heap-growing-percent=50", path.join(projectRoot, script), ...rest], { stdio: "inherit", env: environment });
// A terminal sends Ctrl-C to the whole process group, so the child has it already; a supervisor's TERM comes only here.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  process.stderr.write(`mainstay: cannot start ${projectNode}: ${error.message}\n`);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(signal === null ? code : 128 + 15));

function needsOf([command, ...options]) {
  const has = (part) => !options.includes(`--no-${part}`) && process.env[`MAINSTAY_NO_${part.toUpperCase()}`] !== "true";
  const repo = options[options.indexOf("--repo") + 1] ?? "";
  const isOverSsh = /^ssh:|^[^/:]+@[^/:]+:/.test(options.includes("--repo") ? repo : (process.env.MAINSTAY_REPO ?? ""));
  const hasMember = options.includes("--cluster-init") || options.includes("--server") || process.env.MAINSTAY_CLUSTER_INIT === "true" || process.env.MAINSTAY_SERVER !== undefined;
  if (command === "server") return [...(hasMember ? quorumNeeds : []), ...(has("git") ? serverNeeds : []), ...(isOverSsh ? ["ssh"] : []), ...(has("agent") ? agentNeeds : [])];
  if (command === "agent") return agentNeeds;
  if (command === "--script") return [...serverNeeds, ...agentNeeds];
  return [];
}

#!/usr/bin/env node
// The entry of every command: prepares the machine, then runs the engine under the project's own Node.
// Plain JavaScript for Node 18 upward.
import { spawn } from "node:child_process";
import { agentNeeds, installNodePackages, installSystemPackages, projectNode, quorumNeeds, serverNeeds } from "./setup.mjs";
import { programArguments, programEnvironment, scriptArguments } from "./snapshot/program.mjs";

const args = process.argv.slice(2);
const allowed = !args.includes("--no-install") && process.env.MAINSTAY_NO_INSTALL !== "true";
const asksForHelp = args.includes("--help") || args.includes("-h");
const say = (line) => process.stderr.write(`mainstay: ${line}\n`);

installNodePackages({ allowed, say });
if (!asksForHelp) installSystemPackages(needsOf(args), { allowed, say });

const nodeArguments =
  args[0] === "--script"
    ? [...scriptArguments(args[1]), ...args.slice(2)]
    : [...programArguments(args[0], say), ...args.filter((arg) => arg !== "--no-install")];
const child = spawn(projectNode, nodeArguments, { stdio: "inherit", env: { ...programEnvironment, ...process.env } });
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
  const hasMember =
    options.includes("--cluster-init") ||
    options.includes("--server") ||
    process.env.MAINSTAY_CLUSTER_INIT === "true" ||
    process.env.MAINSTAY_SERVER !== undefined;
  if (command === "server")
    return [...(hasMember ? quorumNeeds : []), ...(has("git") ? serverNeeds : []), ...(isOverSsh ? ["ssh"] : []), ...(has("agent") ? agentNeeds : [])];
  if (command === "agent") return agentNeeds;
  if (command === "--script") return [...serverNeeds, ...agentNeeds];
  return [];
}

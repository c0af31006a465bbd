// `npm test`: sets up what the tests need, runs them all, and closes with one plain line of counts.
// Plain JavaScript for Node 18 upward. Arguments go to vitest: `npm test -- test/unit/scheduler`.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { installNodePackages, installSystemPackages, projectNode, projectRoot, serverNeeds, testNeeds } from "../engine/cli/setup.mjs";
import { programArguments, programEnvironment } from "../engine/cli/snapshot/program.mjs";

const say = (line) => process.stderr.write(`test: ${line}\n`);
const isRoot = process.getuid?.() === 0;

installNodePackages({ allowed: true, say });
if (isRoot) installSystemPackages(testNeeds, { allowed: true, say });
else {
  installSystemPackages(serverNeeds, { allowed: false, say });
  say("not root: tests that need containers, network namespaces or packages are skipped, each with its reason");
}

programArguments("server", say); // made once, for the hundred times that it is started
const environment = { ...programEnvironment, ...process.env, PATH: `${path.dirname(projectNode)}:${process.env.PATH}:/usr/sbin:/sbin` };
const folder = mkdtempSync(path.join(os.tmpdir(), "mainstay-test-"));
const report = path.join(folder, "report.json");
const chosen = process.argv.slice(2);

let failed = 0;
if (chosen.length === 0) {
  say("checking types and layout");
  failed += runStep(["node_modules/typescript/bin/tsc", "--noEmit"]);
  failed += runStep(["test/layout.mjs", "--check"]); // mended by `npm run format`
}
failed += runStep(["node_modules/vitest/vitest.mjs", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...chosen]);

const counts = readCounts();
rmSync(folder, { recursive: true, force: true });
console.log(`${counts.passed} passed, ${counts.failed + (counts.failed === 0 ? failed : 0)} failed, ${counts.skipped} skipped`);
process.exit(failed === 0 ? 0 : 1);

function runStep(args) {
  const { status } = spawnSync(projectNode, args, { cwd: projectRoot, env: environment, stdio: ["ignore", "inherit", "inherit"] });
  return status === 0 ? 0 : 1;
}

function readCounts() {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(readFileSync(report, "utf8"));
    return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests + numTodoTests };
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}

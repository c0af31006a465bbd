// Everything a fresh machine needs before Mainstay can run: npm packages (and with them the project's own Node)
// and Debian packages. Plain JavaScript for Node 18 upward, because it runs before anything is installed.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const projectRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

/** The Node that the project runs on, whatever Node started this script. */
export const projectNode = path.join(projectRoot, "node_modules/node/bin/node");

/**
 * What a command needs from the machine: a test for its presence, and the Debian package that brings it.
 * `files` are alternatives; a bare name is looked up on PATH.
 */
const requirements = {
  git: { files: ["git"], package: "git", why: "serves and follows the repository" },
  gnupg: { files: ["gpg-agent"], package: "gnupg", why: "checks signatures made with GPG" },
  ssh: { files: ["ssh"], package: "openssh-client", why: "follows repositories over SSH" },
  sshd: { files: ["sshd"], package: "openssh-server", why: "stands for a forge in tests" },
  containerd: { files: ["containerd"], package: "containerd", why: "runs the containers" },
  runtime: { files: ["crun", "runc"], package: "runc", why: "starts the containers" },
  cni: { files: ["/usr/lib/cni/ptp", "/opt/cni/bin/ptp"], package: "containernetworking-plugins", why: "connects the pods" },
  iptables: { files: ["iptables-restore"], package: "iptables", why: "routes the Services" },
  iproute: { files: ["ip"], package: "iproute2", why: "sets routes between nodes" },
  conntrack: { files: ["conntrack"], package: "conntrack", why: "forgets connections to dead endpoints" },
  ext4: { files: ["mkfs.ext4"], package: "e2fsprogs", why: "puts file systems on empty block devices" },
  busybox: { files: ["/bin/busybox", "/usr/bin/busybox"], package: "busybox-static", why: "is the content of the locally built images" },
  etcd: { files: ["etcd"], package: "etcd-server", why: "keeps the state of several servers" },
  curl: { files: ["curl"], package: "curl", why: "stands for a user's client in tests" },
};

export const serverNeeds = ["git"];
export const agentNeeds = ["containerd", "runtime", "cni", "iptables", "iproute", "conntrack", "ext4", "busybox"];
export const quorumNeeds = ["etcd"];
export const testNeeds = [...serverNeeds, "ssh", "sshd", "gnupg", ...agentNeeds, ...quorumNeeds, "curl"];

/**
 * Brings the npm packages to the state of package-lock.json, once per content of that file.
 * @param {{ allowed: boolean, say: (line: string) => void }} options
 */
export function installNodePackages({ allowed, say }) {
  const stamp = path.join(projectRoot, "node_modules/.mainstay-installed");
  const wanted = createHash("sha256")
    .update(readFileSync(path.join(projectRoot, "package-lock.json")))
    .digest("hex");
  if (existsSync(projectNode) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  const command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"];
  if (!allowed) fail(`npm packages are missing or outdated. Run: (cd ${projectRoot} && ${command.join(" ")})`);
  say(`installing npm packages: ${command.join(" ")}`);
  if (isOldNode()) installUnderNewNode(command, say);
  else run(command, { cwd: projectRoot });
  if (!existsSync(projectNode)) {
    // npm 12 and later do not run install scripts that the user has not approved; this one only links the binary.
    run(["npm", "rebuild", "node", "--loglevel=error"], { cwd: projectRoot });
  }
  if (!existsSync(projectNode)) fail(`the npm package "node" did not bring ${projectNode}; run "npm rebuild node" in ${projectRoot} and look at its output`);
  writeFileSync(stamp, wanted);
}

/** npm leaves out, without a word, optional packages that name a newer Node than its own; compiled parts of the tests' runner are such. */
function isOldNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return major < 20 || (major === 20 && minor < 19);
}

/** Runs npm under the Node that the project brings, both fetched beside it for the time of the installation. */
function installUnderNewNode(command, say) {
  const { packages } = JSON.parse(readFileSync(path.join(projectRoot, "package-lock.json"), "utf8"));
  const tools = [`node@${packages["node_modules/node"].version}`, "npm@11"];
  const folder = mkdtempSync(path.join(os.tmpdir(), "mainstay-npm-"));
  try {
    say(`Node ${process.versions.node} is too old for some packages: using ${tools.join(" and ")} to install them`);
    run(["npm", "install", "--prefix", folder, "--no-save", "--no-audit", "--no-fund", "--loglevel=error", ...tools], { cwd: folder });
    run(command, { cwd: projectRoot, env: { ...process.env, PATH: `${path.join(folder, "node_modules/.bin")}:${process.env.PATH}` } });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Installs the Debian packages behind the named requirements that the machine lacks; names them first.
 * @param {readonly string[]} needs
 * @param {{ allowed: boolean, say: (line: string) => void }} options
 */
export function installSystemPackages(needs, { allowed, say }) {
  const missing = needs.map((name) => requirements[name]).filter((need) => !need.files.some(isPresent));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((need) => need.package))];
  const command = `apt-get install -y --no-install-recommends ${packages.join(" ")}`;
  const list = missing.map((need) => `  ${need.package.padEnd(30)} ${need.why}`).join("\n");
  if (!isPresent("apt-get"))
    fail(
      `this system lacks programs that Mainstay needs, and has no apt-get to install them:\n${list}\nInstall what provides ${missing.map((need) => need.files.join(" or ")).join(", ")}, then start again.`,
    );
  if (!allowed) fail(`Debian packages are missing:\n${list}\nInstall them with: ${command}`);
  if (process.getuid?.() !== 0)
    fail(`Debian packages are missing and only root can install them:\n${list}\nRun as root, or install them with: sudo ${command}`);
  say(`installing Debian packages: ${packages.join(" ")}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0", ...packages];
  // The package lists of a fresh machine may be absent or old: refresh them only when a first try fails.
  if (spawnSync(install[0], install.slice(1), { env: environment, stdio: "ignore" }).status !== 0) {
    run(["apt-get", "update", "-qq"], { env: environment });
    run(install, { env: environment });
  }
  const stillMissing = missing.filter((need) => !need.files.some(isPresent));
  if (stillMissing.length > 0)
    fail(`after installing ${packages.join(" ")} these are still missing: ${stillMissing.map((need) => need.files.join(" or ")).join(", ")}`);
}

/** Prints why the command cannot go on, and ends with status 1. */
function fail(message) {
  process.stderr.write(`mainstay: ${message}\n`);
  process.exit(1);
}

function isPresent(file) {
  const candidates = file.startsWith("/")
    ? [file]
    : [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin", "/usr/bin"].map((folder) => path.join(folder, file));
  return candidates.some((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function run(command, options) {
  // Output goes to standard error, so that standard output stays the command's own.
  const result = spawnSync(command[0], command.slice(1), { stdio: ["ignore", 2, 2], ...options });
  if (result.status !== 0) fail(`"${command.join(" ")}" failed${result.error ? `: ${result.error.message}` : ` with status ${result.status}`}`);
}

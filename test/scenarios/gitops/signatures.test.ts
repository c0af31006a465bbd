import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { configMapYaml } from "../../kit/git.ts";
import { startGitCluster, type GitCluster, type WorkingCopy } from "../../kit/git-cluster.ts";

const run = promisify(execFile);
let cluster: GitCluster;
let copy: WorkingCopy;
let keys: string;
beforeEach(async () => {
  cluster = await startGitCluster();
  copy = await cluster.clone();
  keys = await mkdtemp(path.join(os.tmpdir(), "ms-keys-"));
});
afterEach(async () => {
  await cluster[Symbol.asyncDispose]();
  await rm(keys, { recursive: true, force: true });
});

const config = "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits: [{path: app}]\nsignatures: {require: true}\n";

async function sshKey(name: string): Promise<{ readonly signer: string; readonly file: string }> {
  const file = path.join(keys, name);
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file]);
  return { file, signer: `${name}@example.org ${(await readFile(`${file}.pub`, "utf8")).trim()}\n` };
}
async function signWith(file: string | undefined): Promise<void> {
  await copy.git("config", "commit.gpgsign", file === undefined ? "false" : "true");
  await copy.git("config", "gpg.format", "ssh");
  await copy.git("config", "user.signingkey", file ?? "");
}

describe("where signatures are required", () => {
  test("no signed commit stands in for one that is not", async () => {
    const ada = await sshKey("ada");
    await signWith(ada.file);
    await copy.commit({ "mainstay.yaml": config, ".mainstay/signers": ada.signer, "app/a.yaml": configMapYaml("a") });
    expect((await copy.push()).code).toBe(0);
    await signWith(undefined);
    await copy.commit({ "app/a.yaml": configMapYaml("a", { key: "unsigned" }) });
    const { stdout } = await run("git", ["-C", copy.folder, "rev-parse", "HEAD", "origin/main"]);
    const [unsigned = "", signed = ""] = stdout.split("\n");
    await copy.git("push", "-q", "origin", `${signed}:refs/replace/${unsigned}`);
    expect((await copy.push()).text).toContain("it is not signed");
  });

  test("only commits of the allowed signers are accepted, and nobody lets himself in", async () => {
    const [ada, eve] = [await sshKey("ada"), await sshKey("eve")];
    await signWith(ada.file);
    await copy.commit({ "mainstay.yaml": config, ".mainstay/signers": ada.signer, "app/a.yaml": configMapYaml("a") });
    const first = await copy.push();
    expect(first.code, first.text).toBe(0);

    await signWith(undefined);
    await copy.commit({ "app/a.yaml": configMapYaml("a", { key: "unsigned" }) });
    expect((await copy.push()).text).toMatch(/mainstay\.yaml:1 signatures\.require: commit [0-9a-f]{10} is refused: it is not signed/);
    await copy.commit({ "mainstay.yaml": config.replace("signatures: {require: true}\n", "") });
    expect((await copy.push()).text).toContain("it is not signed");
    await copy.git("reset", "-q", "--hard", "origin/main");

    await signWith(eve.file);
    await copy.commit({ ".mainstay/signers": `${ada.signer}${eve.signer}` });
    expect((await copy.push()).text).toContain("its key is not among them");
    await copy.git("reset", "-q", "--hard", "origin/main");

    await signWith(ada.file);
    await copy.commit({ ".mainstay/signers": `${ada.signer}${eve.signer}` });
    expect((await copy.push()).code).toBe(0);
    await signWith(eve.file);
    await copy.commit({ "app/a.yaml": configMapYaml("a", { key: "eve" }) });
    expect((await copy.push()).code).toBe(0);
  });

  test("and there are no signers, nothing is accepted", async () => {
    await copy.commit({ "mainstay.yaml": config, "app/a.yaml": configMapYaml("a") });
    const { code, text } = await copy.push();
    expect(code).not.toBe(0);
    expect(text).toContain("the file .mainstay/signers with the allowed signers is not there");
  });

  test("GPG keys serve as well, and a signature with SSH is none of theirs", async () => {
    const environment = { ...process.env, GNUPGHOME: keys };
    await run("gpg", ["--batch", "--passphrase", "", "--quick-generate-key", "Ada <ada@example.org>", "ed25519", "sign", "never"], { env: environment });
    const { stdout } = await run("gpg", ["--armor", "--export", "ada@example.org"], { env: environment });
    await copy.commit({ "mainstay.yaml": config, ".mainstay/signers": stdout, "app/a.yaml": configMapYaml("a") });
    await run("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "-q", "--amend", "--no-edit", "-S"], { cwd: copy.folder, env: environment });
    const accepted = await copy.push();
    await run("gpgconf", ["--kill", "all"], { env: environment });
    expect(accepted.code, accepted.text).toBe(0);
    await signWith((await sshKey("eve")).file);
    await copy.commit({ "app/a.yaml": configMapYaml("a", { key: "2" }) });
    expect((await copy.push()).text).toContain("it is signed with SSH, and the signers are GPG keys");
  });
});

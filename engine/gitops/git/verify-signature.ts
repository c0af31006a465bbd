import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { inheritedEnvironment, lastLines, runGit } from "./native-git.ts";

export type SignatureVerdict = { readonly is: "trusted"; readonly signer: string } | { readonly is: "refused"; readonly why: string };

/**
 * Whether a commit carries a good signature by one of `signers`: the text of an SSH allowed-signers file, or of armoured GPG public
 * keys. The machine's Git checks, with `ssh-keygen` or `gpg`, knowing these keys and no others. Fails closed: whatever keeps it from
 * checking is a refusal.
 */
export async function verifySignature(
  gitDir: string,
  commit: string,
  signers: string,
  environment: Readonly<Record<string, string>>,
): Promise<SignatureVerdict> {
  const folder = await mkdtemp(path.join(os.tmpdir(), "mainstay-signers-"));
  try {
    const isGpg = signers.includes("-----BEGIN PGP PUBLIC KEY BLOCK-----");
    const raw = (await runGit({ gitDir, args: ["cat-file", "commit", commit], environment })).stdout.toString("utf8");
    const signature = /^gpgsig(?:-sha256)? (.*)$/m.exec(raw.split("\n\n", 1)[0] ?? "")?.[1];
    if (signature === undefined) return { is: "refused", why: "it is not signed" };
    if (signature.includes("SSH SIGNATURE") === isGpg)
      return { is: "refused", why: isGpg ? "it is signed with SSH, and the signers are GPG keys" : "it is not signed with SSH, and the signers are SSH keys" };
    const file = path.join(folder, "signers");
    await writeFile(file, signers, { mode: 0o600 });
    // An empty home, so that no key of the machine counts.
    const home = { ...environment, GNUPGHOME: folder, HOME: folder };
    if (isGpg) {
      const problem = await importKeys(file, folder);
      if (problem !== undefined) return { is: "refused", why: `the signers' keys cannot be read: ${problem}` };
    }
    const output = await runGit({
      gitDir,
      args: ["-c", "gpg.program=gpg", "-c", "gpg.ssh.program=ssh-keygen", "-c", `gpg.ssh.allowedSignersFile=${file}`, "verify-commit", "--raw", commit],
      environment: home,
    });
    if (output.code !== 0) return { is: "refused", why: `its signature is not one of the allowed signers' (${reasonIn(output.stderr)})` };
    return { is: "trusted", signer: signerIn(`${output.stdout.toString("utf8")}\n${output.stderr}`) };
  } finally {
    // gpg leaves an agent, which ends with its folder.
    await rm(folder, { recursive: true, force: true });
  }
}

/** Returns what went wrong. */
function importKeys(file: string, home: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(
      "gpg",
      ["--batch", "--quiet", "--no-autostart", "--homedir", home, "--import", file],
      { env: { ...inheritedEnvironment(), HOME: home } },
      (error, _stdout, stderr) => resolve(error === null ? undefined : lastLines(stderr) || error.message),
    );
  });
}

function signerIn(text: string): string {
  return /GOODSIG \S+ (.*)/.exec(text)?.[1] ?? /Good "git" signature for (\S+)/.exec(text)?.[1] ?? "an allowed signer";
}

function reasonIn(text: string): string {
  if (/NO_PUBKEY|No principal matched/.test(text)) return "its key is not among them";
  if (/BADSIG|incorrect signature|Could not verify/i.test(text)) return "the commit was changed after it was signed";
  if (/EXPKEYSIG|expired/i.test(text)) return "the key has expired";
  return lastLines(text, 1) || "not good";
}

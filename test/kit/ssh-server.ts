import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { accessSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import net, { type AddressInfo, type Socket } from "node:net";
import os from "node:os";
import path from "node:path";

const PROGRAM = "/usr/sbin/sshd";
/** Where a root's sshd wants an empty folder; packages make it at boot. */
const PRIVILEGE_FOLDER = "/run/sshd";

/** A real sshd on a free port of the loopback that knows one key and lets its owner in as who runs the tests. */
export interface SshServer extends AsyncDisposable {
  /** The URL of a path on this machine. */
  url(file: string): string;
  /** For `identity` of a Secret: the key that is let in, and one that is not. */
  readonly identity: string;
  readonly strangersIdentity: string;
  /** For `known_hosts`: the host's key, and a wrong one. */
  readonly knownHosts: string;
  readonly wrongHosts: string;
}

/** Whether there is an sshd. Only root is sure to have one: the test command installs it. */
export function hasSshServer(): boolean {
  try {
    accessSync(PROGRAM);
    return true;
  } catch {
    if (process.getuid?.() === 0) throw new Error(`${PROGRAM} is missing: apt-get install openssh-server`);
    process.stderr.write(`skipped: ${PROGRAM} is missing (openssh-server)\n`);
    return false;
  }
}

export async function startSshServer(): Promise<SshServer> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "ms-ssh-"));
  const key = (name: string) => {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path.join(folder, name)]);
    return { secret: readFileSync(path.join(folder, name), "utf8"), open: readFileSync(path.join(folder, `${name}.pub`), "utf8").trim() };
  };
  const [host, other, client, stranger] = [key("host"), key("other"), key("client"), key("stranger")];
  writeFileSync(path.join(folder, "authorized_keys"), `restrict ${client.open}\n`);
  const config = path.join(folder, "sshd_config");
  writeFileSync(
    config,
    [
      `HostKey ${path.join(folder, "host")}`,
      `AuthorizedKeysFile ${path.join(folder, "authorized_keys")}`,
      "PidFile none",
      "UsePAM no",
      "StrictModes no",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "PermitRootLogin prohibit-password",
      "",
    ].join("\n"),
  );
  const isFolderOurs = process.getuid?.() === 0 && !existsSync(PRIVILEGE_FOLDER);
  if (isFolderOurs) mkdirSync(PRIVILEGE_FOLDER, { mode: 0o755 });
  const children = new Map<ChildProcess, Socket>();
  // One sshd for each connection, as inetd would: its port can be any, and nothing stays behind.
  const server = net.createServer({ pauseOnConnect: true }, (socket) => {
    const child = spawn(PROGRAM, ["-i", "-e", "-f", config], { stdio: [socket, socket, "ignore"] });
    children.set(child, socket);
    child.on("close", () => {
      children.delete(child);
      socket.destroy();
    });
    socket.on("error", () => child.kill());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    url: (file) => `ssh://${os.userInfo().username}@127.0.0.1:${port}${file}`,
    identity: client.secret,
    strangersIdentity: stranger.secret,
    knownHosts: `[127.0.0.1]:${port} ${host.open}\n`,
    wrongHosts: `[127.0.0.1]:${port} ${other.open}\n`,
    async [Symbol.asyncDispose]() {
      const ended = [...children.keys()].map((child) => new Promise((resolve) => child.once("close", resolve)));
      for (const [child, socket] of children) {
        child.kill();
        socket.destroy();
      }
      await Promise.all(ended);
      await new Promise((resolve) => server.close(resolve));
      if (isFolderOurs) rmdirSync(PRIVILEGE_FOLDER);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

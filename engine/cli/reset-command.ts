import { existsSync } from "node:fs";
import path from "node:path";
import { resetAgent } from "../../node-agent/reset.ts";
import { removeFolder } from "../../node-agent/volumes/mounts.ts";
import { systemClock } from "../lib/clock.ts";
import { abandonMember } from "../quorum/member-process.ts";
import { lockDirectory } from "../lib/directory-lock.ts";

/** What makes a directory ours: nothing else is ever deleted. */
const MARKS = ["lock.db", "server", "agent", "containerd"];

/** `mainstay reset`: refuses while a server runs, then leaves the machine as it was before the first start. */
export async function runResetCommand(dataDir: string): Promise<void> {
  const directory = path.resolve(dataDir);
  const say = (line: string) => void process.stderr.write(`reset: ${line}\n`);
  if (!existsSync(directory)) return say(`there is nothing at ${directory}`);
  if (!MARKS.some((mark) => existsSync(path.join(directory, mark))))
    throw new Error(`${directory} does not look like a data directory of Mainstay; nothing was removed`);
  const lock = lockDirectory(directory);
  const agentDir = existsSync(path.join(directory, "agent")) ? path.join(directory, "agent") : directory;
  await resetAgent(agentDir, say);
  if (await abandonMember(path.join(directory, "server"), systemClock))
    say('this machine kept the cluster\'s state together with others; if they go on without it, tell them with "mainstay members remove"');
  lock.release();
  removeFolder(directory);
  say(existsSync(directory) ? `emptied ${directory}, which is mounted or holds what is` : `removed ${directory}`);
}

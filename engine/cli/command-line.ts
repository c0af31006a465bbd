import { Command, CommanderError, Option } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { resolveServerConfig, serverOptions, environmentName, UsageError, type OptionRow } from "../options/config.ts";
import { idleNotices, idleOptions } from "../options/idle-options.ts";
import { shownOptions } from "../options/shown-options.ts";
import type { BisectFlags } from "./bisect-command.ts";
import type { HistoryFlags } from "./history-command.ts";
import type { HoldFlags } from "./hold-command.ts";
import type { PlanFlags } from "./plan-command.ts";
import type { RollbackFlags } from "./rollback-command.ts";
import type { LogFlags } from "./status-log.ts";
import { describeError } from "../lib/log.ts";
import { withoutControls } from "../lib/without-controls.ts";
import { GIT_VERSION } from "../server/version.ts";

/** Where commands write what people anywhere may have written before: subjects of commits, names of files, reasons. */
const terminal = { write: (text: string) => process.stdout.write(withoutControls(text)) };

/**
 * What `mainstay <arguments>` does, as the process that it is the command line of. Sets the exit status: 0 done, 1 failed, 2 wrong usage; of
 * commands that answer a question, 1 is the answer no, and 2 that there is none.
 */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  await takeProgram()
    .parseAsync([...args], { from: "user" })
    .catch((error: unknown) => {
      process.exitCode = explainFailure(error);
    });
}

/** Runs a question: scripts must be able to tell no from nobody knows. */
async function answer(question: () => Promise<boolean>): Promise<void> {
  try {
    if (!(await question())) process.exitCode = 1;
  } catch (error) {
    explainFailure(error);
    process.exitCode = 2;
  }
}

/** What a snapshot of the program keeps: all options take as long to be declared as to be read. */
let prepared: Command | undefined;

/** Goes through what a server does before it does anything, so that a snapshot of the program has it compiled, and declares what is declared at every start. */
export function rehearseCommandLine(): void {
  const program = createProgram();
  program.commands
    .find((command) => command.name() === "server")
    ?.action((flags: Record<string, unknown>) => void [resolveServerConfig(flags, {}), idleNotices(flags)]);
  program.parse(["server", "--no-agent"], { from: "user" });
  prepared = createProgram();
}

function takeProgram(): Command {
  const program = prepared ?? createProgram();
  prepared = undefined;
  return program;
}

/**
 * Each command's code is loaded only when it runs, so that `mainstay --help` answers at once. Nothing here may depend on the process: a snapshot's
 * runs in many.
 */
function createProgram(): Command {
  const program = new Command("mainstay")
    .description("A GitOps-first container orchestrator that speaks the Kubernetes API. Push to main; it stays that way.")
    .version(`mainstay ${manifest.version}, Kubernetes ${GIT_VERSION}`, "--version", "say which release this is")
    .configureHelp({ helpWidth: 110 })
    .exitOverride();
  for (const add of [addServer, addAgent, addStatus, addPlan, addRecords, addHold, addReset, addBackups, addMembers]) add(program);
  return program;
}

function addServer(program: Command): void {
  const server = program.command("server").description("run the cluster: API, store, controllers, scheduler, Git, and this machine's node agent");
  for (const row of serverOptions) {
    // As upstream's: a flag that is true or false may stand alone.
    const flags = row.flags.replace("<bool>", "[bool]");
    const separator = row.repeats === "lines" ? "\n" : ",";
    const option = describedLater(flags, () => describeOption(row));
    if (row.repeats !== undefined)
      option.argParser((value: string, before: string | undefined) => (before === undefined ? value : `${before}${separator}${value}`));
    server.addOption(option);
  }
  for (const { flag, why } of idleOptions) server.addOption(new Option(`--${flag} [value]`, why).hideHelp());
  server.addHelpText(
    "after",
    () =>
      `\nTaken from command lines of kube-apiserver, and without effect here (a line at the start says why):\n  ${idleOptions.map(({ flag }) => `--${flag}`).join(" ")}`,
  );
  server.option("--no-install", "refuse to install missing packages; print the command that would [MAINSTAY_NO_INSTALL]");
  server.action(async (flags: Record<string, unknown>) => {
    const { runServerCommand } = await import("./server-command.ts");
    await runServerCommand(resolveServerConfig(flags, process.env), idleNotices(flags), shownOptions(flags, process.env));
  });
}

/** A default may be the machine's. */
function describeOption(row: OptionRow): string {
  return `${row.description} [${environmentName(row)}]${row.default === undefined || row.default === "" ? "" : ` (default: ${row.default})`}`;
}

function describedLater(flags: string, describe: () => string): Option {
  return Object.defineProperty(new Option(flags), "description", { get: describe });
}

function addAgent(program: Command): void {
  program
    .command("agent")
    .description("run the node agent alone and join a cluster")
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .action(async (_flags: unknown, command: Command) => {
      const { runAgentCommand } = await import("../../node-agent/main.ts");
      await runAgentCommand(command.args);
    });
}

function addStatus(program: Command): void {
  program
    .command("status")
    .description("show applications, nodes and the last deploys of the cluster on this machine")
    .addOption(dataDirOption("the server's data directory"))
    .option("--kubeconfig <file>", "ask another cluster through its kubeconfig")
    .option("--json", "machine-readable output")
    .action(async (flags: { dataDir: string; kubeconfig?: string; json?: boolean }) => {
      const { runStatusCommand } = await import("./status-command.ts");
      await runStatusCommand(flags, process.stdout);
    });
}

function addPlan(program: Command): void {
  program
    .command("plan")
    .description(
      "show what the cluster would do if these files, or a commit, were pushed; changes nothing. Exit status 1: it would be refused; 2: nobody can say",
    )
    .argument("[dir]", "folder with the manifests", ".")
    .option("--ref <commit>", "plan a commit, branch or tag of the repository instead of the files as they are")
    .addOption(new Option("--path <dir>", "folder of the repository that the cluster uses").default(".").env("MAINSTAY_PATH"))
    .option("--source <name>", "plan it as this one of the sources of the cluster's own repository")
    .addOption(dataDirOption("the server's data directory"))
    .option("--kubeconfig <file>", "ask another cluster through its kubeconfig")
    .addOption(new Option("--sops-age-key-file <file>", "age keys that encrypted files are opened with").env("SOPS_AGE_KEY_FILE"))
    .option("--sops-age-secret <namespace/name>", "Secret with further age keys", "mainstay-system/sops-age")
    .action(async (directory: string, flags: PlanFlags) => {
      const { runPlanCommand } = await import("./plan-command.ts");
      await answer(() => runPlanCommand(directory, flags, terminal));
    });
}

/** What is read from the status branch, and what is done by it. */
function addRecords(program: Command): void {
  const logOptions = (command: Command): Command =>
    command
      .option("--dir <dir>", "a clone of the cluster's repository", ".")
      .option("--remote <name>", "its remote with the status branch", "origin")
      .option("--cluster <name>", "the cluster, when several follow one repository");

  logOptions(program.command("history").description("show what was deployed and what became of it; of one application, how it fared").argument("[application]"))
    .option("--limit <count>", "how many", (text: string) => Math.max(1, Number.parseInt(text, 10) || 1), 20)
    .action(async (application: string | undefined, flags: HistoryFlags) => {
      const { runHistoryCommand } = await import("./history-command.ts");
      await runHistoryCommand(application, flags, terminal);
    });

  logOptions(program.command("at").description("show the cluster's status as it was with a commit or at a time").argument("<commit-or-time>"))
    .option("--json", "machine-readable output")
    .action(async (moment: string, flags: LogFlags & { readonly json?: boolean }) => {
      const { runAtCommand } = await import("./history-command.ts");
      await runAtCommand(moment, flags, terminal);
    });

  logOptions(
    program
      .command("diff")
      .description("show what changed in the cluster between two commits or times; the second is now when it is left out")
      .argument("<from>")
      .argument("[to]"),
  )
    .option("--exit-code", "end with status 1 if anything differs, and with 2 if nobody can say")
    .action(async (from: string, to: string | undefined, flags: LogFlags & { readonly exitCode?: boolean }) => {
      const { runDiffCommand } = await import("./history-command.ts");
      if (flags.exitCode === true) await answer(async () => !(await runDiffCommand(from, to, flags, terminal)));
      else await runDiffCommand(from, to, flags, terminal);
    });

  logOptions(
    program
      .command("bisect")
      .description(
        "find the commit that broke an application, from the health that was recorded with every deploy. Exit status 1: no commit did; 2: nobody can say",
      )
      .argument("<application>"),
  )
    .option("--good <commit>", "a commit with which it was healthy (default: the last one before it broke)")
    .option("--bad <commit>", "a commit with which it was not (default: now)")
    .action(async (application: string, flags: BisectFlags) => {
      const { runBisectCommand } = await import("./bisect-command.ts");
      await answer(() => runBisectCommand(application, flags, terminal));
    });

  logOptions(
    program.command("rollback").description("push a commit that gives an application the content it had when it was last healthy").argument("<application>"),
  )
    .option("--to <commit>", "go back to this commit instead")
    .option("--branch <name>", "the branch with the desired state", "main")
    .option("--reason <text>", "why, for the commit message")
    .option("--dry-run", "show what would be pushed")
    .action(async (application: string, flags: RollbackFlags) => {
      const { runRollbackCommand } = await import("./rollback-command.ts");
      await runRollbackCommand(application, flags, terminal);
    });
}

function addHold(program: Command): void {
  program
    .command("hold")
    .description("keep an application, one of its objects or a field as it is for a while, whatever the repository says; shown on the status page")
    .argument("<application>", "name of the application")
    .argument("[duration]", "how long, such as 30m or 4h", "1h")
    .option("--object <Kind/name>", "hold this object only")
    .option("--field <path>", "hold this field only, such as spec.replicas")
    .option("--reason <text>", "why, for everyone who wonders")
    .option("--release", "end the hold now")
    .addOption(dataDirOption("the server's data directory"))
    .option("--kubeconfig <file>", "ask another cluster through its kubeconfig")
    .action(async (application: string, duration: string, flags: HoldFlags) => {
      const { runHoldCommand } = await import("./hold-command.ts");
      await runHoldCommand(application, duration, flags, terminal);
    });
}

function addReset(program: Command): void {
  program
    .command("reset")
    .description("remove everything Mainstay ever made on this machine: pods, mounts, network, rules, cgroups and the data directory")
    .addOption(dataDirOption("the data directory to remove"))
    .action(async (flags: { dataDir: string }) => {
      const { runResetCommand } = await import("./reset-command.ts");
      await runResetCommand(flags.dataDir);
    });
}

/** What is done with a cluster's data as a whole. */
function addBackups(program: Command): void {
  const storeOptions = serverOptions.filter((row) => row.key.startsWith("datastore"));

  const backup = program
    .command("backup")
    .description("write the cluster into one file: all objects, its keys, its hosted repository; the server may go on running")
    .argument("[file]", "the file to write (default: mainstay-<cluster>-<time>.backup here)")
    .addOption(dataDirOption("the server's data directory"));
  for (const row of storeOptions) backup.option(row.flags, `${row.description}; only while no server runs`);
  backup.action(async (file: string | undefined, flags: Record<string, string>) => {
    const { runBackupCommand } = await import("./backup-command.ts");
    await runBackupCommand(file, flags);
  });

  const restore = program
    .command("restore")
    .description("bring a backup back, into an empty data directory and an empty store")
    .argument("<from>", "a file that `mainstay backup` wrote, or the Git repository of --backup-repo, with #<cluster> if it has several clusters'")
    .option("--age-key-file <file>", "age keys that an encrypted backup is opened with")
    .addOption(dataDirOption("the server's data directory"));
  for (const row of storeOptions) restore.option(row.flags, row.description);
  restore.action(async (file: string, flags: Record<string, string>) => {
    const { runRestoreCommand } = await import("./backup-command.ts");
    await runRestoreCommand(file, flags);
  });

  const migrate = program
    .command("migrate")
    .description("move a cluster's objects from one store to another, with their revisions; the server must be stopped")
    .requiredOption("--from <store>", 'where they are: "sqlite", or etcd endpoints separated by commas')
    .requiredOption("--to <store>", "where they go: the same; it must be empty")
    .addOption(dataDirOption("the server's data directory"));
  for (const row of storeOptions.filter(({ key }) => key !== "datastoreEndpoint")) migrate.option(row.flags, row.description);
  migrate.action(async (flags: Record<string, string>) => {
    const { runMigrateCommand } = await import("./migrate-command.ts");
    await runMigrateCommand(flags);
  });
}

function addMembers(program: Command): void {
  const members = program.command("members").description("show the servers that keep the cluster's state together, and how they are");
  members.addOption(dataDirOption("the server's data directory")).action(async (flags: { dataDir: string }) => {
    const { listMembers } = await import("./members-command.ts");
    await listMembers(flags.dataDir, terminal);
  });
  members
    .command("remove")
    .description("take a server out: one that is gone for good, or is to go")
    .argument("<name>", "its name, as `mainstay members` shows it")
    .addOption(dataDirOption("the server's data directory"))
    .action(async (name: string, _flags: unknown, command: Command) => {
      const { removeMember } = await import("./members-command.ts");
      await removeMember((command.optsWithGlobals() as { dataDir: string }).dataDir, name, terminal);
    });
  members
    .command("reset")
    .description("go on with this machine's data alone, when most of the servers are gone for good; its server must be stopped")
    .addOption(dataDirOption("the server's data directory"))
    .action(async (_flags: unknown, command: Command) => {
      const { resetMembers } = await import("./members-command.ts");
      await resetMembers((command.optsWithGlobals() as { dataDir: string }).dataDir, terminal);
    });
}

function dataDirOption(description: string): Option {
  return new Option("--data-dir <dir>", description).default("/var/lib/mainstay").env("MAINSTAY_DATA_DIR");
}

function explainFailure(error: unknown): number {
  // commander has printed its own message; help and version end with status 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof UsageError) {
    process.stderr.write(`mainstay: ${withoutControls(error.message)}\n`);
    return 2;
  }
  process.stderr.write(`mainstay: ${withoutControls(describeError(error))}\n`);
  if (process.env["MAINSTAY_DEBUG"] && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return 1;
}

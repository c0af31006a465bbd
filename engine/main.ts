import { Command, CommanderError } from "commander";
import { resolveServerConfig, serverOptions, environmentName, UsageError } from "./config.ts";
import { describeError } from "./lib/log.ts";

/**
 * The command line. Each command's code is loaded only when it runs, so that `mainstay --help` answers at once.
 * Exit status: 0 done, 1 failed, 2 wrong usage.
 */
const program = new Command("mainstay")
  .description("A GitOps-first container orchestrator that speaks the Kubernetes API. Push to main; it stays that way.")
  .configureHelp({ helpWidth: 110 })
  .exitOverride();

const server = program.command("server").description("run the cluster: API, store, controllers, scheduler, Git, and this machine's node agent");
for (const row of serverOptions) {
  server.option(row.flags, `${row.description} [${environmentName(row)}]${row.default === undefined ? "" : ` (default: ${row.default})`}`);
}
server.option("--no-install", "refuse to install missing packages; print the command that would [MAINSTAY_NO_INSTALL]");
server.action(async (flags: Record<string, unknown>) => {
  const { runServerCommand } = await import("./cli/server-command.ts");
  await runServerCommand(resolveServerConfig(flags, process.env));
});

program
  .command("agent")
  .description("run the node agent alone and join a cluster")
  .allowUnknownOption()
  .allowExcessArguments()
  .helpOption(false)
  .action(async (_flags: unknown, command: Command) => {
    const { runAgentCommand } = await import("../node-agent/main.ts");
    await runAgentCommand(command.args);
  });

program
  .command("status")
  .description("show applications, nodes and the last deploys of the cluster on this machine")
  .option("--data-dir <dir>", "the server's data directory", process.env["MAINSTAY_DATA_DIR"] ?? "/var/lib/mainstay")
  .option("--kubeconfig <file>", "ask another cluster through its kubeconfig")
  .option("--json", "machine-readable output")
  .action(async (flags: { dataDir: string; kubeconfig?: string; json?: boolean }) => {
    const { runStatusCommand } = await import("./cli/status-command.ts");
    await runStatusCommand(flags, process.stdout);
  });

program
  .command("reset")
  .description("remove everything Mainstay ever made on this machine: pods, mounts, network, rules, cgroups and the data directory")
  .option("--data-dir <dir>", "the data directory to remove", process.env["MAINSTAY_DATA_DIR"] ?? "/var/lib/mainstay")
  .action(async (flags: { dataDir: string }) => {
    const { runResetCommand } = await import("./cli/reset-command.ts");
    await runResetCommand(flags.dataDir);
  });

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = explainFailure(error);
}

function explainFailure(error: unknown): number {
  // commander has printed its own message; help and version end with status 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof UsageError) {
    process.stderr.write(`mainstay: ${error.message}\n`);
    return 2;
  }
  process.stderr.write(`mainstay: ${describeError(error)}\n`);
  if (process.env["MAINSTAY_DEBUG"] && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return 1;
}

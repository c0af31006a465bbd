import { Command, Option } from "commander";
import { agentOptions } from "./agent-options.ts";
import { toldOf } from "./config.ts";
import { kubeletFields } from "./kubelet-fields.ts";

type Flags = Readonly<Record<string, unknown>>;

/** The flags of `mainstay agent`, and those of kubelet that it takes without effect. Ends the process for `--help` and what it does not know. */
export function parseAgentFlags(args: readonly string[]): Flags {
  return agentCommand()
    .parse([...args], { from: "user" })
    .opts();
}

export function agentCommand(): Command {
  const command = new Command("mainstay agent").description("run the node agent and join a cluster");
  for (const row of agentOptions) {
    // As upstream's: a flag that is true or false may stand alone.
    if (row.flags !== undefined)
      command.option(
        row.flags.replace("<bool>", "[bool]"),
        `${row.description} [${row.variable ?? "MAINSTAY_…"}]${row.default === undefined || row.default === "" ? "" : ` (default: ${row.default})`}`,
      );
  }
  command.option("--no-install", "refuse to install missing packages; print the command that would");
  const idle = kubeletFields.flatMap((row) => ("option" in row || row.flag === undefined ? [] : [{ flag: row.flag, why: row.why }]));
  for (const { flag, why } of idle) command.addOption(new Option(`--${flag} [value]`, why).hideHelp());
  return command.addHelpText(
    "after",
    () => `\nTaken from command lines of kubelet, and without effect here (a line in the log says why):\n  ${idle.map(({ flag }) => `--${flag}`).join(" ")}`,
  );
}

/** The KubeletConfiguration that flag or variable names, and the folder of those that say more of it. */
export function kubeletFilesOf(
  flags: Flags,
  environment: Readonly<Record<string, string | undefined>>,
): readonly [file: string | undefined, folder: string | undefined] {
  const told = (key: "kubeletConfig" | "kubeletConfigDir") =>
    agentOptions.filter((row) => row.key === key).map((row) => toldOf(row, flags, environment)?.text)[0];
  return [told("kubeletConfig"), told("kubeletConfigDir")];
}

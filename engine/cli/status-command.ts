import path from "node:path";
import { styleText } from "node:util";
import { createHttpClient } from "../client/http-client.ts";
import { readKubeconfig } from "../client/kubeconfig.ts";
import { systemClock } from "../lib/clock.ts";
import { jsonWithoutControls, withoutControls } from "../lib/without-controls.ts";
import { nodeResource } from "../resources/core/node.ts";
import { humanDuration } from "../resources/human-duration.ts";
import { applicationResource } from "../resources/mainstay/application.ts";
import { repositoryResource, type RepositoryObject } from "../resources/mainstay/repository.ts";
import type { Application, Node, RepositoryObserved } from "../resources/types.ts";
import { formatTable } from "./text-table.ts";

export interface StatusFlags {
  readonly dataDir: string;
  readonly kubeconfig?: string;
  readonly json?: boolean;
}

/** Worst first: what needs a person is at the top. */
const HEALTH_ORDER = ["Degraded", "Missing", "Unknown", "Progressing", "Suspended", "Healthy"];
const HEALTH_COLOUR = { Degraded: "red", Missing: "red", Unknown: "yellow", Progressing: "yellow", Suspended: "blue", Healthy: "green" } as const;

/** `mainstay status`: the same facts as the status branch, straight from the API. */
export async function runStatusCommand(flags: StatusFlags, output: NodeJS.WriteStream): Promise<void> {
  const file = flags.kubeconfig ?? path.join(flags.dataDir, "kubeconfig.yaml");
  const client = createHttpClient(readKubeconfig(file), "mainstay-status");
  const [applications, nodes, repositories] = await Promise.all([
    client.for(applicationResource).list(""),
    client.for(nodeResource).list(""),
    client.for(repositoryResource).list(""),
  ]);
  const sorted = [...applications.items].sort((a, b) => rank(a) - rank(b) || (a.metadata.name ?? "").localeCompare(b.metadata.name ?? ""));
  if (flags.json === true) {
    output.write(
      `${jsonWithoutControls(JSON.stringify({ applications: sorted.map((application) => ({ name: application.metadata.name, ...application.status, inventory: undefined })), repositories: repositories.items.map(({ metadata, observed }) => ({ name: metadata.name, ...observed })), nodes: nodes.items.map(nodeSummary) }, null, 2))}\n`,
    );
    return;
  }
  output.write(renderStatus(sorted, nodes.items, systemClock.now(), output.isTTY === true, repositories.items));
}

/** The text of `mainstay status`, in which only colours are control characters. Pure. */
export function renderStatus(
  applications: readonly Application[],
  nodes: readonly Node[],
  now: number,
  isColoured: boolean,
  repositories: readonly RepositoryObject[] = [],
): string {
  const paint = (application: Application) => {
    const health = withoutControls(application.status?.health ?? "Unknown");
    return isColoured ? styleText(HEALTH_COLOUR[health as keyof typeof HEALTH_COLOUR] ?? "yellow", health) : health;
  };
  const applicationRows = applications.map((application) => {
    const { status, metadata } = application;
    const since = status?.since === undefined ? "" : humanDuration(now - Date.parse(status.since));
    const [name = "", ...facts] = plain([metadata.name, status?.ready, status?.appliedCommit?.slice(0, 10), since, status?.message]);
    return [name, paint(application), ...facts];
  });
  const nodeRows = nodes.map(nodeSummary).map((node) => plain([node.name, node.ready, node.pods, node.address]));
  const repositoryRows = repositories.map(({ metadata, observed = {} }) =>
    plain([metadata.name, observed.result, observed.commit?.slice(0, 10), observed.url, observed.branch, observed.message]),
  );
  // One needs no table: all applications are of it.
  const hasTable = repositories.length > 1;
  const troubles = repositories.flatMap(({ metadata, observed = {} }) =>
    [hasTable ? undefined : troubleOf(observed), observed.forge].flatMap((trouble) =>
      trouble === undefined ? [] : plain([`Repository ${metadata.name}: ${trouble}`]),
    ),
  );
  return [
    ...troubles,
    ...(hasTable ? [formatTable(["REPOSITORY", "RESULT", "COMMIT", "FROM", "BRANCH", "WHY"], repositoryRows)] : []),
    applications.length === 0
      ? `No applications yet${troubles.length === 0 ? ": push manifests to the repository" : ""}.`
      : formatTable(["APPLICATION", "HEALTH", "READY", "COMMIT", "SINCE", "WHY"], applicationRows),
    nodes.length === 0 ? "No nodes." : formatTable(["NODE", "STATUS", "PODS MAX", "ADDRESS"], nodeRows),
    "",
  ]
    .join("\n\n")
    .trimEnd()
    .concat("\n");
}

/** Why the newest state of a repository is not what runs; undefined where it is. */
function troubleOf({ result, message = "", commit }: RepositoryObserved): string | undefined {
  const runs = commit === undefined ? "" : `; what runs is of ${commit.slice(0, 10)}`;
  if (result === "rejected") return `its newest commit cannot be applied${runs}: ${message}`;
  if (result === "unreachable") return `it cannot be reached${runs}: ${message}`;
  if (result === "unreadable") return `its newest commit cannot be read${runs}: ${message}`;
  return result === "deleted" || (result === "empty" && message !== "") ? `${message}${runs}` : undefined;
}

/** Cells of what people anywhere may have written. */
function plain(cells: readonly (string | undefined)[]): readonly string[] {
  return cells.map((cell) => withoutControls(cell ?? ""));
}

function rank(application: Application): number {
  const index = HEALTH_ORDER.indexOf(application.status?.health ?? "Unknown");
  return index < 0 ? 2 : index;
}

function nodeSummary(node: Node): { name: string; ready: string; pods: string; address: string } {
  const ready = node.status?.conditions?.find((condition) => condition.type === "Ready");
  return {
    name: node.metadata.name ?? "",
    ready: `${ready?.status === "True" ? "Ready" : "NotReady"}${node.spec?.unschedulable === true ? ",SchedulingDisabled" : ""}`,
    pods: String(node.status?.allocatable?.["pods"] ?? ""),
    address: node.status?.addresses?.find((address) => address.type === "InternalIP")?.address ?? "",
  };
}

import type { Fairness } from "./fairness.ts";

/** The pages that show what priority and fairness is doing, as comma-separated tables with a line of names. */
export function dumpPage(fairness: Fairness, page: string): string | undefined {
  switch (page) {
    case "dump_priority_levels":
      return table(
        ["PriorityLevelName", "ActiveQueues", "IsIdle", "IsQuiescing", "WaitingRequests", "ExecutingRequests", "DispatchedSeats", "NominalLimit", "UpperLimit"],
        fairness.levels.map(({ name, queues, executing, inUse, isLeaving, limits }) => [
          name,
          queues.all.filter(({ waiting }) => waiting.length > 0).length,
          executing === 0 && queues.length === 0,
          isLeaving,
          queues.length,
          executing,
          inUse,
          limits.nominal,
          limits.upper,
        ]),
      );
    case "dump_queues":
      return table(
        ["PriorityLevelName", "Index", "PendingRequests", "ExecutingSeats", "ServedSeatSeconds"],
        fairness.levels.flatMap(({ name, queues }) =>
          queues.all.map(({ waiting, executing, served }, index) => [name, index, waiting.length, executing, served.toFixed(4)]),
        ),
      );
    case "dump_requests":
      return table(
        ["PriorityLevelName", "FlowSchemaName", "QueueIndex", "RequestIndexInQueue", "FlowDistinguisher", "Width"],
        fairness.levels.flatMap(({ name, queues }) =>
          queues.all.flatMap(({ waiting }, queue) =>
            waiting.map(({ schema, distinguisher, width }, index) => [name, schema, queue, index, distinguisher, width]),
          ),
        ),
      );
    default:
      return undefined;
  }
}

function table(names: readonly string[], rows: readonly (readonly (string | number | boolean)[])[]): string {
  return `${[names, ...rows].map((row) => row.map((cell) => `${cell}, `).join("")).join("\n")}\n`;
}

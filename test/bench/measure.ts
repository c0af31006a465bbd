import { readFileSync } from "node:fs";
import os from "node:os";

/** How much is measured: a run on one core takes a quarter of what four or more take. */
export interface Scale {
  readonly samples: number;
  readonly writes: number;
  /** In a list. */
  readonly objects: number;
  /** In memory. */
  readonly manyObjects: number;
  readonly watchers: number;
  /** Without containers, and the pods on them. */
  readonly nodes: number;
  readonly pods: number;
}

export function scaleOf(cores = os.availableParallelism()): Scale {
  const factor = Math.min(4, cores);
  return {
    samples: 10 * factor,
    writes: 1_000 * factor,
    objects: 10_000,
    manyObjects: 25_000 * Math.min(2, factor),
    watchers: 500 * Math.min(2, factor),
    nodes: 50 * Math.min(2, factor),
    pods: 500 * Math.min(2, factor),
  };
}

/** How many clients ask at once. */
export const CLIENTS = [1, 16, 64] as const;

/** How many requests so many clients make, of what many make: one alone is slower and needs fewer to be measured. */
export function requestsOf(clients: number, count: number): number {
  return clients === 1 ? count / 5 : count;
}

/** One line of the table. `floor` is what was measured beside it in the same run; the ratio is what counts. */
export interface Row {
  readonly what: string;
  readonly value: string;
  readonly floor: string;
  readonly ratio: string;
}

export interface Measured {
  readonly what: string;
  readonly value: number;
  readonly unit: "ms" | "µs" | "/s" | "MiB" | "s";
  readonly floor?: number;
  readonly peer?: string;
}

export function toRow({ what, value, unit, floor, peer = "" }: Measured): Row {
  const shown = (number: number) => number.toFixed(unit === "ms" || unit === "s" ? 1 : 0);
  return { what: `${what}, ${unit}`, value: shown(value), floor: floor === undefined ? peer : `${shown(floor)} ${peer}`.trim(), ratio: floor === undefined ? "" : (value / floor).toFixed(2) };
}

/** A rate as a row, and what it cost the server: on a machine that others use too, processor time says more than time. */
export async function rateRows(
  what: string,
  pid: number,
  tasks: { readonly count: number; readonly concurrency: number; readonly task: (index: number) => Promise<unknown> },
  peer: Pick<Measured, "floor" | "peer">,
): Promise<{ readonly rate: number; readonly rows: readonly Row[] }> {
  const before = [cpuMs([pid]), cpuMs([process.pid])] as const;
  const perSecond = await rate(tasks.count, tasks.concurrency, tasks.task);
  const [server, client] = [cpuMs([pid]) - before[0], cpuMs([process.pid]) - before[1]];
  const each = (ms: number) => (ms * 1000) / tasks.count;
  return {
    rate: perSecond,
    rows: [
      toRow({ what, value: perSecond, unit: "/s", ...peer }),
      toRow({ what: `  processor time of the server for each`, value: each(server), unit: "µs", floor: each(client), peer: "of the client" }),
    ],
  };
}

/** What all threads of the processes have used so far, for themselves and in the kernel. Linux counts in hundredths of a second. */
export function cpuMs(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return sum + (Number(fields[11]) + Number(fields[12])) * 10;
  }, 0);
}

/** Tasks per second with so many at once. */
export async function rate(count: number, concurrency: number, task: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (next < count) await task(next++);
    }),
  );
  return count / ((performance.now() - started) / 1000);
}

export async function timed(task: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await task();
  return performance.now() - started;
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

export async function poll(isDone: () => Promise<boolean>, everyMs = 5): Promise<void> {
  while (!(await isDone())) await new Promise((resolve) => setTimeout(resolve, everyMs));
}

export function printTable(rows: readonly Row[]): void {
  const cells = [["what", "value", "floor or peer", "ratio"], ...rows.map((row) => [row.what, row.value, row.floor, row.ratio])];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((row) => (row[column] ?? "").length)));
  for (const row of cells)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
}

import { bool, durationMs, list } from "./option-values.ts";

/** How requests are bounded, recorded and admitted: switches under upstream's names. */
export interface ApiConfig {
  readonly maxRequestsInflight: number;
  readonly maxMutatingRequestsInflight: number;
  readonly enablePriorityAndFairness: boolean;
}

interface ApiOptionRow {
  readonly key: keyof ApiConfig;
  readonly flags: string;
  readonly description: string;
  readonly default?: string;
  readonly parse?: (text: string) => unknown;
  /** May be given several times, or once with commas. */
  readonly repeats?: true;
}

export const apiOptions: readonly ApiOptionRow[] = [
  { key: "maxRequestsInflight", flags: "--max-requests-inflight <count>", description: "reading requests that are served at once; with the writing ones, the seats that priority levels share", default: "400", parse: amount },
  { key: "maxMutatingRequestsInflight", flags: "--max-mutating-requests-inflight <count>", description: "writing requests that are served at once", default: "200", parse: amount },
  { key: "enablePriorityAndFairness", flags: "--enable-priority-and-fairness <bool>", description: "share them out by FlowSchemas and PriorityLevelConfigurations", default: "true", parse: bool },
];

function amount(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Error("must be a whole number, 0 for no bound");
  return value;
}

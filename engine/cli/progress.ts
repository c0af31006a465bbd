import { styleText } from "node:util";
import { isAbort } from "../lib/abort.ts";

const PLAIN_NOTE_MS = 10_000;

/** Where a long command tells its user what it is doing. */
export interface Progress {
  /** Begins a step; the previous one must have ended. `done` and `failed` end it, with an optional note. */
  step(title: string): { note(text: string): void; done(note?: string): void; failed(note: string): void };
  line(text: string): void;
}

/**
 * Steps with their durations: a live line per step on a terminal, one plain line per finished step otherwise.
 * `output` is usually standard error, so that standard output carries only what scripts read.
 */
export function createProgress(output: NodeJS.WriteStream, monotonicMs: () => number): Progress {
  const isLive = output.isTTY === true && process.env["TERM"] !== "dumb";
  const seconds = (fromMs: number) => `${((monotonicMs() - fromMs) / 1000).toFixed(1)} s`;
  return {
    line: (text) => void output.write(`${text}\n`),
    step(title) {
      const startedMs = monotonicMs();
      let note = "";
      let toldMs = startedMs;
      const draw = (mark: string, suffix: string) => output.write(`\r\u001b[K${mark} ${title}${suffix}`);
      if (isLive) draw(styleText("yellow", "…"), "");
      const end = (mark: string, colour: "green" | "red", suffix: string) => {
        const text = suffix === "" ? "" : `  ${suffix}`;
        if (isLive) {
          draw(styleText(colour, mark), `${text}  ${styleText("dim", seconds(startedMs))}`);
          output.write("\n");
        } else output.write(`${mark} ${title}${text}  ${seconds(startedMs)}\n`);
      };
      return {
        note(text) {
          if (text === note) return;
          note = text;
          if (isLive) draw(styleText("yellow", "…"), `  ${styleText("dim", text)}`);
          // In a log, how it goes is worth a line now and then, not at every change.
          else if (text !== "" && monotonicMs() - toldMs >= PLAIN_NOTE_MS) {
            toldMs = monotonicMs();
            output.write(`… ${title}  ${text}  ${seconds(startedMs)}\n`);
          }
        },
        done: (text = "") => end("✓", "green", text),
        failed: (text) => end("✗", "red", text),
      };
    },
  };
}

/** A step that lasts as long as the work. */
export async function during<T>(progress: Progress, title: string, note: string, work: () => Promise<T>): Promise<T> {
  const step = progress.step(title);
  try {
    const result = await work();
    step.done(note);
    return result;
  } catch (error) {
    step.failed(isAbort(error) ? "interrupted" : error instanceof Error ? error.message : String(error));
    throw error;
  }
}

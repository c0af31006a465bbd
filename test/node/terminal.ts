import { spawn, type ChildProcess } from "node:child_process";

/** Patience for one answer. */
const ANSWER_MAX_MS = 60_000;

/** A person at a terminal: a command on a pseudo-terminal of its own, made by `script`. */
export class Terminal {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #text = "";
  #heard: () => void = () => {};

  /** `enter` are words before it, such as those that lead to a host; `line` is run by a shell, on the terminal. */
  constructor(enter: readonly string[], line: string) {
    const [command = "", ...rest] = [...enter, "script", "--quiet", "--return", "--flush", "--command", line, "/dev/null"];
    this.#child = spawn(command, rest, { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdin?.on("error", () => {}); // typed too late
    this.#child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      this.#text += chunk;
      this.#heard();
    });
    this.#ended = new Promise((resolve) => this.#child.once("close", (code) => resolve(code)));
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Waits until the screen shows this, beyond what was waited for before. Rejects with what it shows instead. */
  async shows(wanted: RegExp): Promise<void> {
    const deadline = AbortSignal.timeout(ANSWER_MAX_MS);
    for (;;) {
      const found = wanted.exec(this.#text);
      if (found !== null) {
        this.#text = this.#text.slice(found.index + found[0].length);
        return;
      }
      if (deadline.aborted) throw new Error(`the terminal does not show ${wanted} but ends with ${JSON.stringify(this.#text.slice(-500))}`);
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
        deadline.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  /** The command's exit code, once it has ended. */
  get ended(): Promise<number | null> {
    return this.#ended;
  }

  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}

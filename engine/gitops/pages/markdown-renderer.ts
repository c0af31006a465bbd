import { describeError, type Logger } from "../../lib/log.ts";
import { RecentMap } from "../../lib/recent-map.ts";
import { ExcessiveWork, WorkThread } from "../../lib/work-thread.ts";

/** A page takes some hundredths of a second; one that is made to be slow, several seconds. */
const TIMEOUT_MS = 5_000;
/** Beyond the time after which a page that is open asks again: while it changes, no thread begins for each change. */
const STAY_MS = 10_000;
/** So many may wait for their turn. */
const WAITING_MAX = 16;
/** Of HTML, and for each text as much as this at least. */
const KEPT_LENGTH = 2 << 20;
const ENTRY_LENGTH = 1 << 10;

export type Rendering =
  | { readonly is: "html"; readonly html: string }
  /** It would be longer than any page, or take longer. */
  | { readonly is: "excessive" }
  /** Too many others wait, or there is no thread to be had. */
  | { readonly is: "busy" };

/** Lays Markdown out in a thread, for anybody who may push could write some that takes seconds. The same text is laid out once, however many look at it. */
export class MarkdownRenderer {
  readonly #thread = new WorkThread<string, string | undefined>(new URL("./render-markdown-worker.ts", import.meta.url), {
    timeoutMs: TIMEOUT_MS,
    stayMs: STAY_MS,
    holdsProcess: false,
  });
  readonly #kept = new RecentMap<string, Rendering>(KEPT_LENGTH);
  readonly #underWay = new Map<string, Promise<Rendering>>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** `id` is that of the blob with the text. */
  async render(id: string, text: string): Promise<Rendering> {
    const known = this.#kept.get(id) ?? this.#underWay.get(id);
    if (known !== undefined) return known;
    if (this.#underWay.size >= WAITING_MAX) return { is: "busy" };
    const rendering = this.#run(id, text);
    this.#underWay.set(id, rendering);
    return rendering.finally(() => this.#underWay.delete(id));
  }

  /** What took too long would do so again: it is remembered as well. */
  async #run(id: string, text: string): Promise<Rendering> {
    let html: string | undefined;
    try {
      html = await this.#thread.run(text);
    } catch (error) {
      this.#logger.warn("Markdown not laid out", { blob: id, error: describeError(error) });
      if (!(error instanceof ExcessiveWork)) return { is: "busy" };
    }
    const rendering: Rendering = html === undefined ? { is: "excessive" } : { is: "html", html };
    this.#kept.set(id, rendering, ENTRY_LENGTH + (html?.length ?? 0));
    return rendering;
  }
}

/**
 * The servers of a cluster, each as good as the others, of which one is talked to. Whoever finds that it does not answer moves on to the
 * next; the signal that came with it then ends what still waits for it.
 */
export class ServerList {
  #urls: readonly string[];
  #current: string;
  #use = new AbortController();

  /** At least one URL, without a path; the first is talked to first. */
  constructor(urls: readonly [string, ...string[]]) {
    this.#urls = urls;
    this.#current = urls[0];
  }

  /** The server to ask now; the signal fires when it is left. */
  pick(): { readonly url: string; readonly left: AbortSignal } {
    return { url: this.#current, left: this.#use.signal };
  }

  get size(): number {
    return this.#urls.length;
  }

  /** What is known of the cluster's servers now. The one that is talked to stays so if it is among them. */
  follow(urls: readonly string[]): void {
    const [first] = urls;
    if (first === undefined) return;
    this.#urls = [...new Set(urls)];
    if (!this.#urls.includes(this.#current)) this.#moveTo(first);
  }

  /** This one does not answer. Says whether there is another to ask; a server that others left already is no news. */
  leave(url: string): boolean {
    if (url !== this.#current) return true;
    const next = this.#urls[(this.#urls.indexOf(url) + 1) % this.#urls.length];
    if (next === undefined || next === url) return false;
    this.#moveTo(next);
    return true;
  }

  #moveTo(url: string): void {
    this.#current = url;
    const before = this.#use;
    this.#use = new AbortController();
    before.abort(new Error("another server is asked from now on"));
  }
}

/** Every answer ends with a close: making a reason with a stack for each of them cost a fortieth of the server's time. */
const CLIENT_GONE = new DOMException("the client went away", "AbortError");

/** The requests that are being answered: each has a signal, which fires when its client goes away or the server stops. */
export class OpenRequests {
  readonly #open = new Set<AbortController>();
  readonly #idle: (() => void)[] = [];
  #isClosing = false;

  begin(): AbortController {
    const request = new AbortController();
    this.#open.add(request);
    if (this.#isClosing) request.abort();
    return request;
  }

  /** What was begun has been answered; its signal stays as it is. */
  end(request: AbortController): void {
    if (this.#open.delete(request) && this.#open.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** The connection is gone; nobody hears of it when the answer was complete. */
  clientGone(request: AbortController): void {
    if (this.#open.has(request)) request.abort(CLIENT_GONE);
  }

  /** Asks all of them to end, and those that still come. Resolves when none is left. */
  close(): Promise<void> {
    this.#isClosing = true;
    for (const request of [...this.#open]) request.abort();
    return this.#open.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }
}

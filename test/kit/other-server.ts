import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { createAuthority, issueCertificate, type KeyPair } from "../../engine/auth/certificates.ts";
import { systemClock } from "../../engine/lib/clock.ts";

const BODY_MAX = 1 << 20;

/** Somebody else's HTTPS server on a free port, whose certificate its own authority has signed. */
export class OtherServer {
  readonly asked: unknown[] = [];
  readonly authority: KeyPair;
  readonly #server: Server;

  private constructor(authority: KeyPair, server: Server) {
    this.authority = authority;
    this.#server = server;
  }

  /** `answer` gets the path, the body and what stands under Authorization, and gives the answer: a text as it is, a value as JSON, the code of a failure; undefined is a 404. */
  static async start(answer: (path: string, body: unknown, authorization: string | undefined) => unknown): Promise<OtherServer> {
    const now = systemClock.now();
    const authority = await createAuthority("somebody else", now - 60_000, now + 3_600_000);
    const { certificate, key } = await issueCertificate(authority, { commonName: "other", usage: "serving", ipAddresses: ["127.0.0.1"], notBeforeMs: now - 60_000, notAfterMs: now + 3_600_000 });
    const server = createServer({ cert: certificate, key }, (request, response) => {
      let text = "";
      request.setEncoding("utf8").on("data", (chunk: string) => (text = (text + chunk).slice(0, BODY_MAX)));
      request.on("end", () => {
        const body: unknown = text === "" ? undefined : JSON.parse(text);
        if (body !== undefined) other.asked.push(body);
        const value = answer(request.url ?? "", body, request.headers.authorization);
        response
          .writeHead(value === undefined ? 404 : typeof value === "number" ? value : 200, { "content-type": typeof value === "string" ? "text/plain" : "application/json" })
          .end(typeof value === "string" ? value : JSON.stringify(value ?? {}));
      });
    });
    const other = new OtherServer(authority, server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return other;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`; // it listens on TCP
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

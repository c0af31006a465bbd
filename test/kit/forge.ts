import http, { type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { ForgeType, OpenRequest } from "../../engine/gitops/forge/forge.ts";

/** A forge as far as its documented API is used: what is posted can be read again, and everything else is an error, as on a real one. */
export interface FakeForge extends AsyncDisposable {
  readonly api: string;
  readonly requests: OpenRequest[];
  readonly comments: Map<number, { readonly id: number; body: string }[]>;
  readonly statuses: { readonly commit: string; readonly state: string; readonly context: string; readonly description: string }[];
  /** Lines `METHOD path`, in the order in which they came. */
  readonly calls: string[];
  /** Answers the next calls with this status. */
  failNext(count: number, status: number, headers?: Readonly<Record<string, string>>): void;
  /** From now on calls whose line matches are answered with this status. */
  refuse(calls: RegExp, status: number): void;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const TOKEN = "forge-token";
const PROJECT = "ada/cluster";
/** Of the project, and of somebody's fork of it. */
const [PROJECT_ID, FORK_ID] = [1, 2];

export async function startFakeForge(type: ForgeType): Promise<FakeForge> {
  const forge = { requests: [] as OpenRequest[], comments: new Map<number, { id: number; body: string }[]>(), statuses: [] as FakeForge["statuses"], calls: [] as string[] };
  let failures: { count: number; status: number; headers: Readonly<Record<string, string>> } = { count: 0, status: 500, headers: {} };
  const refused: { readonly calls: RegExp; readonly status: number }[] = [];
  let ids = 100;
  const prefix = { github: `/repos/${PROJECT}`, gitea: `/api/v1/repos/${PROJECT}`, gitlab: `/api/v4/projects/${encodeURIComponent(PROJECT)}` }[type];

  const add = (request: number, body: string): Answer => {
    const comment = { id: ids++, body };
    forge.comments.set(request, [...(forge.comments.get(request) ?? []), comment]);
    return { status: 201, body: comment };
  };
  const edit = (id: number, body: string, status = 200): Answer => {
    const comment = [...forge.comments.values()].flat().find((one) => one.id === id);
    if (comment === undefined) return { status: 404, body: { message: "Not Found" } };
    comment.body = body;
    return { status, body: comment };
  };
  const setStatus = (commit: string, { state, context, name, description }: Readonly<Record<string, string>>): Answer => {
    const allowed = {
      github: ["error", "failure", "pending", "success"],
      gitea: ["error", "failure", "pending", "success", "warning"],
      gitlab: ["pending", "running", "success", "failed", "canceled"],
    }[type];
    if (!allowed.includes(state ?? "") || (description ?? "").length > 140) return { status: 422, body: { message: `bad status ${state}` } };
    // A status belongs to a branch that has the commit.
    if (type === "gitlab" && forge.requests.some(({ head, isOfFork }) => isOfFork && head === commit)) return { status: 404, body: { message: "404 References for commit Not Found" } };
    const known = forge.statuses.findLast((status) => status.commit === commit && status.context === (type === "gitlab" ? name : context));
    if (type === "gitlab" && known?.state === state) return { status: 400, body: { message: `Cannot transition status via :${state} from :${state}` } };
    forge.statuses.push({ commit, state: state ?? "", context: (type === "gitlab" ? name : context) ?? "", description: description ?? "" });
    return { status: 201, body: {} };
  };

  const projectOf = (isOfFork: boolean) => {
    const id = isOfFork ? FORK_ID : PROJECT_ID;
    return type === "gitea" ? { repo_id: id, repo: { id } } : { repo: { id } };
  };
  const route = (method: string, path: string, body: Readonly<Record<string, string>>): Answer => {
    const rest = path.startsWith(prefix) ? path.slice(prefix.length) : "";
    const number = (expression: RegExp) => Number(expression.exec(rest)?.[1] ?? NaN);
    if (type === "gitlab") {
      const [, request, note] = /^\/merge_requests\/(\d+)\/notes(?:\/(\d+))?$/.exec(rest) ?? [];
      if (method === "GET" && rest === "/merge_requests")
        return {
          status: 200,
          body: forge.requests.map((one) => ({
            id: one.number + 9000,
            iid: one.number,
            sha: one.head,
            target_branch: one.base,
            labels: one.labels,
            source_project_id: one.isOfFork ? FORK_ID : PROJECT_ID,
            target_project_id: PROJECT_ID,
          })),
        };
      if (method === "GET" && request !== undefined) return { status: 200, body: [{ id: 1, body: "assigned to @ada", system: true }, ...(forge.comments.get(Number(request)) ?? [])] };
      if (method === "POST" && request !== undefined) return add(Number(request), body["body"] ?? "");
      if (method === "PUT" && note !== undefined) return edit(Number(note), body["body"] ?? "");
    } else {
      if (method === "GET" && rest === "/pulls")
        return {
          status: 200,
          body: forge.requests.map((one) => ({
            id: one.number + 9000,
            number: one.number,
            head: { ref: "topic", label: "topic", sha: one.head, ...projectOf(one.isOfFork) },
            base: { ref: one.base, label: one.base, ...projectOf(false) },
            labels: one.labels.map((name, id) => ({ id, name })),
          })),
        };
      if (/^\/issues\/\d+\/comments$/.test(rest))
        return method === "POST" ? add(number(/^\/issues\/(\d+)/), body["body"] ?? "") : { status: 200, body: forge.comments.get(number(/^\/issues\/(\d+)/)) ?? [] };
      if (method === "PATCH" && /^\/issues\/comments\/\d+$/.test(rest)) return edit(number(/comments\/(\d+)$/), body["body"] ?? "");
    }
    const commit = /^\/statuses\/([0-9a-f]{40})$/.exec(rest)?.[1];
    return method === "POST" && commit !== undefined ? setStatus(commit, body) : { status: 404, body: { message: "Not Found" } };
  };
  const isAllowed = (request: IncomingMessage) =>
    type === "github"
      ? request.headers.authorization === `Bearer ${TOKEN}` && request.headers["x-github-api-version"] === "2022-11-28" && request.headers["user-agent"] !== undefined
      : type === "gitlab"
        ? request.headers["private-token"] === TOKEN
        : request.headers.authorization === `token ${TOKEN}`;

  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const url = new URL(request.url ?? "/", "http://forge");
      forge.calls.push(`${request.method} ${url.pathname}`);
      const text = Buffer.concat(chunks).toString("utf8");
      const isFailing = failures.count-- > 0;
      const refusal = refused.find(({ calls }) => calls.test(forge.calls.at(-1) ?? ""));
      const answer = isFailing
        ? { status: failures.status, body: { message: "not now" } }
        : !isAllowed(request)
          ? { status: 401, body: { message: "Bad credentials" } }
          : refusal !== undefined
            ? { status: refusal.status, body: { message: "refused" } }
            : url.searchParams.get("page") !== null && url.searchParams.get("page") !== "1"
              ? { status: 200, body: [] }
              : route(request.method ?? "GET", url.pathname, text === "" ? {} : JSON.parse(text));
      response.writeHead(answer.status, { "content-type": "application/json", ...(isFailing ? failures.headers : {}) });
      response.end(JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...forge,
    api: base + { github: "", gitea: "/api/v1", gitlab: "/api/v4" }[type],
    refuse: (calls, status) => void refused.push({ calls, status }),
    failNext: (count, status, headers = {}) => void (failures = { count, status, headers }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

import { giteaForge } from "./gitea.ts";
import { githubForge } from "./github.ts";
import { gitlabForge } from "./gitlab.ts";
import { withoutEndSlashes } from "../../lib/end-slashes.ts";
import { createForgeHttp } from "./forge-http.ts";

export type ForgeType = "github" | "gitlab" | "gitea";

/** Where a repository's requests and statuses are. */
export interface ForgeAddress {
  readonly type: ForgeType;
  /** Base of the API, without a slash at its end. */
  readonly api: string;
  /** `owner/name`; GitLab's may have groups in front. */
  readonly project: string;
}

export interface OpenRequest {
  readonly number: number;
  readonly head: string;
  readonly base: string;
  readonly labels: readonly string[];
  /** What is in it comes from where others than those of this repository may push. */
  readonly isOfFork: boolean;
}

export interface ForgeComment {
  readonly id: number;
  readonly body: string;
}

/** Superseded: another commit took over before it was known how this one fares. */
export type CommitState = "pending" | "success" | "failure" | "superseded";

export interface CommitStatus {
  readonly commit: string;
  /** One per cluster and purpose, so that clusters never overwrite each other. */
  readonly context: string;
  readonly state: CommitState;
  readonly description: string;
}

/** What is needed of a forge, in its own words behind the same calls. Rejects with what the forge said: a ForgeRefusal, or a ForgeLimitError. */
export interface Forge {
  /** Longest comment, in characters. */
  readonly commentMax: number;
  openRequests(signal: AbortSignal): Promise<readonly OpenRequest[]>;
  comments(request: number, signal: AbortSignal): Promise<readonly ForgeComment[]>;
  addComment(request: number, body: string, signal: AbortSignal): Promise<void>;
  editComment(request: number, id: number, body: string, signal: AbortSignal): Promise<void>;
  setStatus(status: CommitStatus, signal: AbortSignal): Promise<void>;
}

/** Descriptions of statuses are one line of this length at most on every forge. */
export const DESCRIPTION_MAX = 140;

export function openForge(address: ForgeAddress, token: string): Forge {
  const open = { github: githubForge, gitlab: gitlabForge, gitea: giteaForge }[address.type];
  return open(address.project, createForgeHttp(address.api, token, address.type));
}

/** What mainstay.yaml says about the forge; the repository's URL says the rest. */
export interface ForgeSettings {
  readonly type?: string;
  readonly api?: string;
  readonly project?: string;
}

/** Which forge a repository's URL is of. Others must be named in mainstay.yaml, for nothing in a URL tells them apart. */
export function forgeOf(url: string, given: ForgeSettings = {}): ForgeAddress | undefined {
  const match = /^(?:https?:\/\/(?:[^@/]*@)?|ssh:\/\/(?:[^@/]*@)?|[^@/:]+@)([^/:]+)(?::\d+)?[/:](.+?)(?:\.git)?\/?$/.exec(url);
  const [, host = "", path = ""] = match ?? [];
  const project = given.project ?? path;
  if (!project.includes("/")) return undefined;
  const type =
    given.type ??
    (host === "github.com"
      ? "github"
      : host === "gitlab.com" || host.startsWith("gitlab.")
        ? "gitlab"
        : host === "codeberg.org" || /^(gitea|forgejo)\./.test(host)
          ? "gitea"
          : undefined);
  if (type !== "github" && type !== "gitlab" && type !== "gitea") return undefined;
  const bases = {
    github: host === "github.com" ? "https://api.github.com" : `https://${host}/api/v3`,
    gitlab: `https://${host}/api/v4`,
    gitea: `https://${host}/api/v1`,
  };
  return { type, project, api: withoutEndSlashes(given.api ?? bases[type]) };
}
